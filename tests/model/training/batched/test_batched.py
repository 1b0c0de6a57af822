"""The batched trainer against its oracle, the plain one: same loss, gradients, statistics, scores.

Kinds of a table are compared by their contracts, in `tests/contracts/`.
"""

import pytest
import torch

from model.network.dropout import dropout
from tests.contracts.checks import check_batched_scores_as_plain, check_batched_trains_as_plain
from tests.contracts.trainers import STILL, batched, of_replica, parts, plain
from tests.model.options import VARIANTS, configuration

by_option = pytest.mark.parametrize(
    "variant", VARIANTS, ids=lambda v: "-".join(str(x) for _, x in v)
)


@by_option
def test_every_option_trains_as_the_plain_model(variant: tuple[tuple[str, object], ...]) -> None:
    check_batched_trains_as_plain(configuration(variant))


@by_option
def test_every_option_scores_as_the_plain_model(variant: tuple[tuple[str, object], ...]) -> None:
    check_batched_scores_as_plain(configuration(variant))


def test_replicas_start_as_the_plain_models_of_their_seeds() -> None:
    many = batched(configuration())
    for replica in range(3):
        for name, parameter in plain(configuration(), replica).model.named_parameters():
            assert torch.equal(many.parameters[name][replica], parameter)


def test_a_step_is_adams_on_each_replica() -> None:
    config = configuration(**STILL, **{"training.weight_decay": 0.01})
    many = batched(config)
    singles = [plain(config, replica) for replica in range(3)]
    for epoch in range(1, 6):
        generator = torch.Generator().manual_seed(epoch)
        mask = many.draw_mask(generator)
        sampled = many.sampler.draw(mask, generator)
        many.step(many.losses(mask, sampled, generator))
        for replica, single in enumerate(singles):
            graph, drawn = of_replica(mask, sampled, replica)
            single.model.train()
            single.optimizer.zero_grad()
            single.model.loss(single.features(graph.visible), graph, drawn, None).backward()
            torch.nn.utils.clip_grad_norm_(single.model.parameters(), 1.0)
            single.optimizer.step()
    for replica, single in enumerate(singles):
        for name, parameter in single.model.named_parameters():
            assert torch.allclose(many.parameters[name][replica], parameter, atol=1e-4), name


def test_a_diverging_replica_leaves_the_others_alone() -> None:
    healthy, ill = batched(configuration()), batched(configuration())
    with torch.no_grad():
        ill.parameters["encoder.convolutions.0.nn.weight"][1] = torch.nan
    for trainer in (healthy, ill):
        for _ in range(3):
            losses = trainer.train_epoch()
    assert torch.isnan(losses).tolist() == [False, True, False]
    for name, parameter in healthy.parameters.items():
        assert torch.equal(ill.parameters[name][[0, 2]], parameter[[0, 2]])


@pytest.mark.parametrize("scheme", ["bipartite", "homogeneous"])
@pytest.mark.parametrize("per_association", [2, "all"])
def test_sampled_pairs_are_unknown_and_uniform(scheme: str, per_association: object) -> None:
    config = configuration(
        **{"sampled_pairs.scheme": scheme, "sampled_pairs.per_association": per_association}
    )
    many = batched(config)
    generator = torch.Generator().manual_seed(0)
    counts = torch.zeros(18, 18)
    for _ in range(1 if per_association == "all" else 3000):
        sampled = many.sampler.draw(many.draw_mask(generator), generator)
        used = sampled.weight[1] > 0
        counts.index_put_(
            (sampled.first[1][used], sampled.second[1][used]), torch.ones(()), accumulate=True
        )
    allowed = torch.zeros(18, 18, dtype=torch.bool)
    allowed[:12, 12:] = True
    if scheme == "homogeneous":
        allowed = torch.ones(18, 18).triu(1).bool()
    row, column = torch.tensor(parts()[1]).T
    allowed[row, column + 12] = False
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
