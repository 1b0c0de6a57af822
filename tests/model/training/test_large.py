"""Large networks: the sparse representation against the dense one, parts against the whole."""

import numpy as np
import pytest
import torch

import model.training.batched.decoding
import model.training.batched.representation
from model.data.datasets import AssociationDataset
from model.data.similarities import Similarities, factors
from model.evaluation.metrics.table import ranking_metrics
from model.training.batched.trainer import BatchedTrainer
from model.training.large_ranking import is_known, sample_unknown, sampled_auc, top_unknown
from tests.contracts.checks import check_large_is_refused, check_sparse_trains_as_dense
from tests.contracts.trainers import SEEDS, parts
from tests.model.options import configuration


def trained(dataset: AssociationDataset, **values: object) -> tuple[np.ndarray, BatchedTrainer]:
    trainer = BatchedTrainer(configuration(**values), Similarities.of(dataset), parts(), SEEDS)
    return np.stack([trainer.train_epoch().numpy() for _ in range(4)]), trainer


@pytest.mark.parametrize(
    "values", [{}, {"sampled_pairs.scheme": "homogeneous"}, {"features.transform": "centred"}]
)
def test_sparse_trains_and_scores_as_dense(
    values: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    check_sparse_trains_as_dense(configuration(**values), monkeypatch)


@pytest.mark.parametrize(
    ("name", "value"), [("features.associations", "gip"), ("sampled_pairs.per_association", "all")]
)
def test_what_needs_every_pair_is_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_large_is_refused(configuration(**{name: value}), name, monkeypatch)


def test_a_kind_that_reads_the_block_unannounced_is_told(
    tiny: AssociationDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model.training.batched.representation, "DENSE_CELLS", 0)
    _, trainer = trained(tiny)
    with pytest.raises(TypeError, match="needs_block"):
        trainer.associations.all_visible.block  # noqa: B018


def test_parts_of_pairs_give_the_loss_and_gradients_of_the_whole(
    tiny: AssociationDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, trainer = trained(tiny)
    generator = torch.Generator().manual_seed(1)
    mask = trainer.draw_mask(generator)
    sampled = trainer.sampler.draw(mask, generator)
    whole = trainer.losses(mask, sampled, None)
    gradients = trainer.gradients(whole)
    monkeypatch.setitem(model.training.batched.decoding.PAIRS_AT_ONCE, "cpu", 15)
    in_parts = trainer.losses(mask, sampled, None)
    assert torch.allclose(in_parts, whole, rtol=1e-5)
    assert torch.allclose(trainer.gradients(in_parts), gradients, rtol=1e-3, atol=1e-6)


def test_the_second_pass_of_a_part_drops_what_the_first_dropped(
    tiny: AssociationDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gradient of a seeded loss is its slope; with other dropout in the second pass not."""
    monkeypatch.setitem(model.training.batched.decoding.PAIRS_AT_ONCE, "cpu", 15)
    still = {"encoder.dropout": 0, "degree_decoder.dropout": 0, "edge_decoder.dropout": 0.5}
    _, trainer = trained(tiny, **still)
    generator = torch.Generator().manual_seed(1)
    mask = trainer.draw_mask(generator)
    sampled = trainer.sampler.draw(mask, generator)

    def loss() -> torch.Tensor:
        return trainer.losses(mask, sampled, torch.Generator().manual_seed(5))

    gradients = dict(trainer._parts(trainer.gradients(loss()), trainer.parameters))
    weight = trainer.parameters["edge_decoder.out.weight"]
    step = 1e-2
    with torch.no_grad():
        weight[0, 0, 0] += step
        above = loss()[0]
        weight[0, 0, 0] -= 2 * step
        below = loss()[0]
    slope = float(above - below) / (2 * step)
    assert slope == pytest.approx(float(gradients["edge_decoder.out.weight"][0, 0]), rel=0.05)


def test_factors_are_the_best_of_their_rank(tmp_path: object) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 5))
    similarity = rows @ rows.T
    made = factors(similarity, 5)
    assert made.shape == (60, 5)
    assert np.allclose(made @ made.T, similarity, atol=1e-3)
    narrow = factors(similarity, 2)
    left = np.linalg.eigvalsh(similarity)[-5:-2]
    error = ((narrow @ narrow.T - similarity) ** 2).sum()
    assert error == pytest.approx((left**2).sum(), rel=1e-3)


def test_a_large_side_enters_by_its_factors(
    tiny: AssociationDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.data.similarities.LARGEST_WHOLE", 8)
    monkeypatch.setattr("model.data.similarities.RANK", 4)
    similarities = Similarities.of(tiny)
    assert similarities.row.shape == (12, 4)
    assert similarities.column.shape == (6, 6)
    losses, trainer = trained(tiny)
    assert trainer.features.width == 6
    assert np.isfinite(losses).all()


SIDES = (30, 20)


def scores(pairs: np.ndarray) -> np.ndarray:
    """Of any pair, with many ties."""
    return np.round(np.sin(pairs[0] * 7.0 + pairs[1] * 3.0), 1)


def test_the_top_is_that_of_a_full_sort(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.training.large_ranking._AT_ONCE", 70)
    known = np.unique(np.random.default_rng(0).integers(600, size=150))
    pairs, best = top_unknown(scores, SIDES, known, 40)
    codes = np.setdiff1d(np.arange(600), known)
    row, column = np.divmod(codes, 20)
    expected = scores(np.stack((row, column + 30)))
    order = np.lexsort((codes, -expected))[:40]
    assert np.array_equal(best, expected[order])
    assert np.array_equal(pairs[:, 0] * 20 + pairs[:, 1], codes[order])


def test_sampled_pairs_are_unknown() -> None:
    known = np.arange(0, 600, 2)
    pairs = sample_unknown(np.random.default_rng(0), 5000, SIDES, known)
    codes = pairs[0] * 20 + pairs[1] - 30
    assert not is_known(codes, known).any()
    assert set(codes) == set(range(1, 600, 2))


def test_the_sampled_auc_is_off_by_its_standard_error() -> None:
    rng = np.random.default_rng(0)
    held_out, unknown = rng.normal(1, 1, 200), rng.normal(0, 1, 100_000)
    exact = ranking_metrics(held_out, unknown, threshold=None)["auc"]
    assert sampled_auc(held_out, unknown)[0] == pytest.approx(exact)
    draws = [sampled_auc(held_out, rng.choice(unknown, 500)) for _ in range(300)]
    errors = np.array([auc for auc, _ in draws]) - exact
    assert abs(errors.mean()) < 3 * errors.std() / np.sqrt(300)
    assert np.mean([se for _, se in draws]) == pytest.approx(errors.std(), rel=0.15)
