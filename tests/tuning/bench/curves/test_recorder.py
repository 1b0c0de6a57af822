"""Recording curves: whole curves, nothing twice, nothing lost."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.data.synthetic import demo
from model.errors import InputError
from model.evaluation.protocols import HONEST, development_folds
from model.network.autoencoder import Configuration
from model.training.cross_validation import CrossValidation
from tuning.bench.curves.recorded import RecordedCurves, read_curves
from tuning.bench.curves.recorder import Recording, record_curves
from tuning.metric import AUC

POINTS = [{"mask.rate": 0.2}, {"mask.rate": 0.4}, {"training.learning_rate": 1e30}]


def recording(**changes: object) -> Recording:
    return replace(Recording(demo(), HONEST, "two rates", epochs=4, report_every=2), **changes)


def configuration(point: dict[str, float]) -> Configuration:
    return Configuration.from_dotted({**point, "encoder.layers": 1})


def record(path: Path, count: int, of: Recording | None = None) -> tuple[RecordedCurves, list[int]]:
    seen: list[int] = []
    curves = record_curves(
        of or recording(),
        POINTS[:count],
        configuration,
        path,
        progress=lambda done, total: seen.append(done),
    )
    return curves, seen


@pytest.mark.heavy
def test_curves_are_those_of_a_trial_and_an_interrupted_recording_goes_on(tmp_path: Path) -> None:
    path, lines = tmp_path / "r.npz", tmp_path / "r.jsonl"
    first, seen = record(path, 1)
    assert seen == [0, 1]
    validation = CrossValidation(
        configuration(POINTS[0]), demo(), development_folds(demo(), HONEST, 0), seed=0
    )
    validation.train(2)
    validation.train(2)
    of_trial = [fold[AUC] for fold in validation.evaluate().folds]
    np.testing.assert_allclose(first.auc[0, -1], of_trial, atol=1e-5)  # one thread or many

    whole = lines.read_bytes()
    lines.write_bytes(whole + b'{"number": 1, "po')  # killed while it wrote
    more, seen = record(path, 3)
    assert seen == [1, 2, 3]
    assert lines.read_bytes().startswith(whole)
    np.testing.assert_array_equal(more.auc[0], first.auc[0])
    assert np.isnan(more.auc[2, -1]).all()  # diverged
    assert more.best[2] < 0.9

    again, seen = record(path, 3)
    assert seen == [3]  # nothing is trained once more
    stored = read_curves("r", tmp_path)
    assert stored.points == again.points == tuple(POINTS)
    np.testing.assert_allclose(stored.auc, again.auc, atol=6e-6)
    with pytest.raises(InputError, match="seed '0', now '1'"):
        record(path, 1, recording(seed=1))


def test_lines_of_other_points_are_refused(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text(
        json.dumps(recording().about())
        + "\n"
        + json.dumps({"number": 0, "point": {"mask.rate": 0.3}, "auc": [], "seconds": []})
        + "\n"
    )
    with pytest.raises(InputError, match="its point 0 is another one"):
        record(tmp_path / "r.npz", 1)
