"""The batched trainer against its oracle, the plain one: same loss, gradients, statistics, scores.

Dropout is off where the two are compared, for they draw it differently; its own tests follow.
"""

import numpy as np
import pytest
import torch
from torch_geometric.utils import to_undirected

from model.data.datasets import AssociationDataset
from model.data.similarities import Similarities
from model.network.autoencoder import Configuration
from model.network.masking import MaskedGraph, draw_mask
from model.training.batched.dropout import dropout
from model.training.batched.graph import Mask
from model.training.batched.sampling import SampledPairs
from model.training.batched.trainer import BatchedTrainer
from model.training.plain import Trainer
from tests.model.options import VARIANTS, configuration

SEEDS = (3, 7, 7)
STILL = {"encoder.dropout": 0, "edge_decoder.dropout": 0, "degree_decoder.dropout": 0}


def parts(dataset: AssociationDataset) -> list[np.ndarray]:
    """Three replicas' training associations, of different numbers."""
    pairs = dataset.association_pairs
    return [pairs, pairs[: len(pairs) // 2], pairs[5:]]


def batched(dataset: AssociationDataset, config: Configuration) -> BatchedTrainer:
    return BatchedTrainer(config, Similarities.of(dataset), parts(dataset), SEEDS)


def plain(dataset: AssociationDataset, config: Configuration, replica: int) -> Trainer:
    pairs = parts(dataset)[replica]
    return Trainer(config, Similarities.of(dataset), pairs, seed=SEEDS[replica])


def same_weights(single: Trainer, many: BatchedTrainer, replica: int) -> None:
    weights = {name: value.detach()[replica] for name, value in many.parameters.items()}
    weights |= {name: value[replica] for name, value in many.statistics.items()}
    unread = single.model.load_state_dict(weights, strict=False)
    assert not unread.unexpected_keys
    assert all("num_batches" in name for name in unread.missing_keys)


def of_replica(
    mask: Mask, sampled: SampledPairs, replica: int, n_mirnas: int
) -> tuple[MaskedGraph, torch.Tensor]:
    """What the plain model reads: the pairs of weight 1, the block as edges."""
    mirna, small_molecule = mask.visible.block[replica].nonzero().T
    n_nodes = mask.masked_degree.shape[1]
    edges = to_undirected(torch.stack((mirna, small_molecule + n_mirnas)), num_nodes=n_nodes)
    masked, drawn = (
        torch.stack((pairs.first[replica], pairs.second[replica]))[:, pairs.weight[replica] > 0]
        for pairs in (mask, sampled)
    )
    return MaskedGraph(edges, masked, mask.masked_degree[replica]), drawn


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: "-".join(str(x) for _, x in v))
def test_every_option_gives_the_loss_and_gradients_of_the_plain_model(
    variant: tuple[tuple[str, object], ...], tiny: AssociationDataset
) -> None:
    config = configuration(variant, **STILL)
    many = batched(tiny, config)
    many.train_epoch()  # away from the initial weights, and running statistics that are not 0 and 1
    generator = torch.Generator().manual_seed(1)
    mask = many.graph.draw(generator)
    sampled = many.sampler.draw(mask, generator)
    assert 0 < mask.weight.sum() < mask.weight.numel() or config.mask.scheme in ("path", "none")
    singles = [plain(tiny, config, replica) for replica in range(3)]
    for replica, single in enumerate(singles):
        same_weights(single, many, replica)
    losses = many.losses(mask, sampled, torch.Generator().manual_seed(2))
    gradients = dict(many._parts(many._clipped(many.gradients(losses)), many.parameters))
    for replica, single in enumerate(singles):
        graph, drawn = of_replica(mask, sampled, replica, len(tiny.mirnas))
        single.model.train()
        x, evidence = single.features(graph.visible), single._evidence(graph.visible)
        loss = single.model.loss(x, graph, drawn, evidence)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(single.model.parameters(), config.training.gradient_norm)
        assert torch.allclose(losses[replica], loss, rtol=1e-4)
        for name, parameter in single.model.named_parameters():
            found = gradients[name][replica].view_as(parameter)
            if parameter.grad is None:
                assert not found.any()
                continue
            assert torch.allclose(found, parameter.grad, rtol=1e-3, atol=1e-5), name
        for name, buffer in single.model.named_buffers():
            if "num_batches" not in name:
                assert torch.allclose(many.statistics[name][replica], buffer, atol=1e-5), name


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: "-".join(str(x) for _, x in v))
def test_every_option_scores_as_the_plain_model(
    variant: tuple[tuple[str, object], ...], tiny: AssociationDataset
) -> None:
    """Pairs of all kinds, two nodes of one side among them."""
    config = configuration(variant)
    many = batched(tiny, config)
    for _ in range(3):
        many.train_epoch()
    pairs = np.stack(np.triu_indices(18, 1))
    scores = many.probabilities(slice(0, 3), pairs)
    for replica in range(3):
        single = plain(tiny, config, replica)
        same_weights(single, many, replica)
        assert np.allclose(scores[replica], single.probabilities(pairs), atol=1e-5)
    assert np.allclose(many.probabilities(slice(1, 2), pairs)[0], scores[1], atol=1e-7)


def test_replicas_start_as_the_plain_models_of_their_seeds(tiny: AssociationDataset) -> None:
    many = batched(tiny, configuration())
    for replica in range(3):
        for name, parameter in plain(tiny, configuration(), replica).model.named_parameters():
            assert torch.equal(many.parameters[name][replica], parameter)


def test_a_step_is_adams_on_each_replica(tiny: AssociationDataset) -> None:
    config = configuration(**STILL, **{"training.weight_decay": 0.01})
    many = batched(tiny, config)
    singles = [plain(tiny, config, replica) for replica in range(3)]
    for epoch in range(1, 6):
        generator = torch.Generator().manual_seed(epoch)
        mask = many.graph.draw(generator)
        sampled = many.sampler.draw(mask, generator)
        many.step(many.losses(mask, sampled, generator))
        for replica, single in enumerate(singles):
            graph, drawn = of_replica(mask, sampled, replica, len(tiny.mirnas))
            single.model.train()
            single.optimizer.zero_grad()
            single.model.loss(single.features(graph.visible), graph, drawn, None).backward()
            torch.nn.utils.clip_grad_norm_(single.model.parameters(), 1.0)
            single.optimizer.step()
    for replica, single in enumerate(singles):
        for name, parameter in single.model.named_parameters():
            assert torch.allclose(many.parameters[name][replica], parameter, atol=1e-4), name


def test_a_diverging_replica_leaves_the_others_alone(tiny: AssociationDataset) -> None:
    healthy, ill = batched(tiny, configuration()), batched(tiny, configuration())
    with torch.no_grad():
        ill.parameters["encoder.convolutions.0.nn.weight"][1] = torch.nan
    for trainer in (healthy, ill):
        for _ in range(3):
            losses = trainer.train_epoch()
    assert torch.isnan(losses).tolist() == [False, True, False]
    for name, parameter in healthy.parameters.items():
        assert torch.equal(ill.parameters[name][[0, 2]], parameter[[0, 2]])


@pytest.mark.parametrize("scheme", ["undirected", "per_direction", "path", "none"])
def test_masks_follow_the_plain_ones_statistics(scheme: str, tiny: AssociationDataset) -> None:
    """Mean number of masked pairs, of visible associations and of masked degrees."""
    config = configuration(**{"mask.scheme": scheme, "mask.rate": 0.3})
    many = batched(tiny, config)
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    draws = 400
    seen = np.zeros(3)
    for _ in range(draws):
        mask = many.graph.draw(generator)
        degrees = mask.masked_degree[0]
        # More are hidden than there are places for in one draw of hundreds.
        assert degrees.sum() >= mask.weight[0].sum() * (1 if scheme == "per_direction" else 2)
        seen += [mask.weight[0].sum(), mask.visible.block[0].sum(), degrees[:12].sum()]
    single = plain(tiny, config, 0)
    expected = np.zeros(3)
    for _ in range(draws):
        graph = draw_mask(config.mask, single.pairs, 18)
        visible = graph.visible.shape[1] / 2
        expected += [graph.masked.shape[1], visible, graph.masked_degree[:12].sum()]
    assert np.allclose(seen / draws, expected / draws, rtol=0.06)


def test_masked_pairs_are_hidden_training_associations(tiny: AssociationDataset) -> None:
    many = batched(tiny, configuration())
    mask = many.graph.draw(torch.Generator().manual_seed(0))
    for replica, pairs in enumerate(parts(tiny)):
        used = mask.weight[replica] > 0
        ends = torch.stack((mask.first[replica], mask.second[replica] - 12))[:, used]
        masked = set(map(tuple, ends.T.tolist()))
        visible = set(map(tuple, mask.visible.block[replica].nonzero().tolist()))
        assert len(masked) == used.sum()
        assert not masked & visible
        assert masked | visible == set(map(tuple, pairs.tolist()))


@pytest.mark.parametrize("scheme", ["bipartite", "homogeneous"])
@pytest.mark.parametrize("per_association", [2, "all"])
def test_sampled_pairs_are_unknown_and_uniform(
    scheme: str, per_association: object, tiny: AssociationDataset
) -> None:
    config = configuration(
        **{"sampled_pairs.scheme": scheme, "sampled_pairs.per_association": per_association}
    )
    many = batched(tiny, config)
    generator = torch.Generator().manual_seed(0)
    counts = torch.zeros(18, 18)
    for _ in range(1 if per_association == "all" else 3000):
        sampled = many.sampler.draw(many.graph.draw(generator), generator)
        used = sampled.weight[1] > 0
        counts.index_put_(
            (sampled.first[1][used], sampled.second[1][used]), torch.ones(()), accumulate=True
        )
    allowed = torch.zeros(18, 18, dtype=torch.bool)
    allowed[:12, 12:] = True
    if scheme == "homogeneous":
        allowed = torch.ones(18, 18).triu(1).bool()
    mirna, small_molecule = torch.tensor(parts(tiny)[1]).T
    allowed[mirna, small_molecule + 12] = False
    assert not counts[~allowed].any()
    mean = counts[allowed].mean()
    assert torch.allclose(counts[allowed], mean.expand(int(allowed.sum())), rtol=0.35)


def test_dropout_keeps_the_mean_and_its_rate() -> None:
    generator = torch.Generator().manual_seed(0)
    for rate in (0.1, 0.5, 0.6):
        dropped = dropout(torch.ones(400, 500), rate, generator)
        assert abs(float(dropped.mean()) - 1) < 0.01
        assert abs(float((dropped == 0).float().mean()) - rate) < 0.005
    assert bool((dropout(torch.ones(40, 50), 0.001, generator) == 1).all())  # rounded to none
    shared = dropout(torch.ones(40, 50), 0.5, generator, replicas=3)
    assert shared.shape == (3, 40, 50)
    assert not torch.equal(shared[0], shared[1])
    # Neighbouring elements are independent: their product has the mean of independent ones.
    flat = dropout(torch.ones(200_001), 0.5, generator)
    assert abs(float((flat[1:] * flat[:-1]).mean()) - 1) < 0.02
