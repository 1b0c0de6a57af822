"""What training asks of every option of the model, whatever it is: one function a claim."""

import numpy as np
import pytest
import torch

from model.errors import InputError
from model.network.autoencoder import Configuration
from model.network.masks.kinds import MASKS
from model.training.batched import representation
from model.training.batched.repeating import unchanged
from tests.contracts import leaks
from tests.contracts.networks import tiny_network
from tests.contracts.trainers import STILL, batched, of_replica, plain, same_weights
from tests.model.training.batched.waits import waits


def check_batched_trains_as_plain(config: Configuration) -> None:
    """The same loss, gradients and running statistics, replica by replica, without dropout."""
    config = Configuration.from_dotted({**config.dotted(), **STILL})
    many = batched(config)
    many.train_epoch()  # away from the initial weights, and running statistics that are not 0 and 1
    generator = torch.Generator().manual_seed(1)
    mask = many.draw_mask(generator)
    sampled = many.sampler.draw(mask, generator)
    singles = [plain(config, replica) for replica in range(3)]
    for replica, single in enumerate(singles):
        same_weights(single, many, replica)
    losses = many.losses(mask, sampled, torch.Generator().manual_seed(2))
    gradients = dict(many._parts(many._clipped(many.gradients(losses)), many.parameters))
    for replica, single in enumerate(singles):
        graph, drawn = of_replica(mask, sampled, replica)
        single.model.train()
        x, evidence = single.features(graph.visible), single._evidence(graph.visible)
        loss = single.model.loss(x, graph, drawn, evidence)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(single.model.parameters(), config.training.gradient_norm)
        assert torch.allclose(losses[replica], loss, rtol=1e-4)
        for name, parameter in single.model.named_parameters():
            found = gradients[name][replica].view_as(parameter)
            if parameter.grad is None:
                assert not found.any(), name
                continue
            assert torch.allclose(found, parameter.grad, rtol=1e-3, atol=1e-5), name
        for name, buffer in single.model.named_buffers():
            if "num_batches" not in name:
                assert torch.allclose(many.statistics[name][replica], buffer, atol=1e-5), name


def check_batched_scores_as_plain(config: Configuration) -> None:
    """On pairs of all kinds, two nodes of one side among them."""
    many = batched(config)
    for _ in range(3):
        many.train_epoch()
    pairs = leaks.every_pair(tiny_network())
    scores = many.probabilities(slice(0, 3), pairs)
    for replica in range(3):
        single = plain(config, replica)
        same_weights(single, many, replica)
        assert np.allclose(scores[replica], single.probabilities(pairs), atol=1e-5)
    assert np.allclose(many.probabilities(slice(1, 2), pairs)[0], scores[1], atol=1e-7)


def check_nothing_leaks(config: Configuration) -> None:
    """Held-out associations reach no training; masked ones reach the encoder where they may."""
    assert not leaks.held_out_reach_training(config, tiny_network())
    config = Configuration.from_dotted({**config.dotted(), "mask.rate": 0.3})
    may = not MASKS[config.mask.scheme].hides
    assert leaks.masked_reach_the_encoder(config, tiny_network()) == may


def check_an_epoch_never_waits(config: Configuration, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a device, on a dense block, and as sparse matrices where it can be."""
    sparse = not representation.is_dense(config, representation.DENSE_CELLS + 1)
    for dense_cells in (representation.DENSE_CELLS, *([0] if sparse else [])):
        monkeypatch.setattr(representation, "DENSE_CELLS", dense_cells)
        trainer = batched(config)
        trainer.train_epoch()
        with waits() as found:
            trainer.train_epoch()
        assert found == []


def check_an_epoch_repeats(config: Configuration) -> None:
    """All that an epoch changes is listed: put back, and seeded again, it does the same again.

    A CUDA graph, which replays an epoch on the same buffers, needs that.
    """
    trainer, twin = batched(config), batched(config)
    for each in (trainer, twin):
        each.train_epoch()
    places = {name: value.data_ptr() for name, value in trainer.parameters.items()}
    with unchanged(trainer.repeated._changed, trainer._generator):
        for _ in range(2):
            trainer._one_epoch()
    assert torch.equal(trainer.train_epoch(), twin.train_epoch())
    for name, value in twin.state().items():
        assert torch.equal(trainer.state()[name], value), name
    assert places == {name: value.data_ptr() for name, value in trainer.parameters.items()}


def check_sparse_trains_as_dense(config: Configuration, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same losses and scores of three replicas."""
    pairs = leaks.every_pair(tiny_network())
    losses, scores = [], []
    for dense_cells in (representation.DENSE_CELLS, 0):
        monkeypatch.setattr(representation, "DENSE_CELLS", dense_cells)
        trainer = batched(config)
        assert trainer.associations.is_dense == (dense_cells > 0)
        losses.append(np.stack([trainer.train_epoch().numpy() for _ in range(4)]))
        scores.append(trainer.probabilities(slice(0, 3), pairs))
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert np.allclose(scores[1], scores[0], atol=2e-3)


def check_large_is_refused(
    config: Configuration, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the option looks at every pair and they are too many."""
    monkeypatch.setattr(representation, "LARGEST_BLOCK", 0)
    with pytest.raises(InputError, match="every pair") as caught:
        batched(config)
    assert caught.value.where == option
