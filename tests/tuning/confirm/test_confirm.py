"""The confirmation: what it concludes, what it may know, and what it leaves behind."""

import dataclasses
import html
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.baselines.registry import score_node_pairs
from model.data.kinds import DEFAULT_KINDS
from model.data.similarities import Similarities
from model.data.synthetic import demo
from model.evaluation.calibration import Calibration
from model.evaluation.fresh_splits import development_part
from model.evaluation.metrics.table import ranking_metrics
from model.evaluation.protocols import HONEST, sealed_fold
from model.network.autoencoder import Configuration, MaskedGraphAutoencoder
from model.network.features import NodeFeatures
from model.training.checkpoint import CHECKPOINT, TrainedModel, load_checkpoint
from model.training.final import FinalModel, to_hand_out
from search_spaces.schema import SearchSpace
from tests.tuning.commands_run import COMMAND
from tests.tuning.registry.verdicts import NOISE, measured
from tuning.cluster.session import Resources
from tuning.record.fidelity import fidelity_line, rank_correlations
from tuning.record.finished_study import configuration_from_params
from tuning.record.study_record import StudyRecord
from tuning.registry.verdict import Measured, decide


def test_fidelity_of_rungs() -> None:
    curves = [{10: a, 30: b, 60: c} for a, b, c in ((1, 3, 1), (2, 2, 2), (3, 1, 3))]
    curves += [{10: 9.0, 20: 0.0}]  # ends before the second rung, last of all
    audit = rank_correlations(curves, [10, 30, 45])
    # Ranks 1 2 3 4 against 2 3 4 1: 1 - 6 * 12 / 60.
    assert [one["trials"] for one in audit] == [4, 3, 0]
    assert audit[0]["rank_correlation"] == pytest.approx(-0.2)
    assert audit[1]["rank_correlation"] == pytest.approx(-1)
    assert audit[2]["rank_correlation"] is None
    assert "epoch 30 -1.00 (3 trials), epoch 45 too few trials (0)" in fidelity_line(audit)


SPACE = {
    "description": "three small trials",
    "schedule": {"report_every": 5, "first_rung": 20, "reduction_factor": 2},
    "fixed": {
        # Good enough after twenty epochs to beat a count of associations: only then is the sealed
        # part opened, and only then does the champion move.
        "features.transform": "centred",
        "features.associations": "gip",
        "encoder.type": "sage",
        "encoder.layers": 1,
        "encoder.norm": "none",
        "head.type": "propagation",
        "mask.rate": 0.2,
        "sampled_pairs.per_association": "all",
        "edge_decoder.type": "bilinear",
        "training.epochs": 20,
    },
    "search": {"training.learning_rate": {"type": "choice", "choices": [0.01, 0.02, 0.03]}},
    "start_with": [{"training.learning_rate": rate} for rate in (0.01, 0.02, 0.03)],
}
NOTHING = Resources(1.0, 0.0, 1)  # for what is not run
FAST = ("additive degree",)  # one that does not win, or the sealed part would stay sealed
# With groups of a user's own: no name leads to it, only what the study has recorded.
GROUPED = dataclasses.replace(
    HONEST,
    name="honest+groups-test",
    grouping=tuple((name, f"family {k // 3}") for k, name in enumerate(demo().rows[:9])),
)


def untrained(probability: np.ndarray) -> FinalModel:
    """A final model of the demo data that has these probabilities and no weights."""
    calibration = Calibration(1.0, -4.0, 0.01, None)
    pairs, similarities = demo().association_pairs, Similarities.of(demo())
    return FinalModel(Configuration(), pairs, 0, probability, calibration, similarities, {})


@pytest.fixture(scope="module")
def confirmed(tmp_path_factory: pytest.TempPathFactory, warm_ray: None) -> Any:
    """A tiny study in a home of its own, confirmed twice."""
    from tuning.confirm.confirmation import ConfirmationPlan, confirm_study
    from tuning.plan import StudyPlan
    from tuning.record.finished_study import read_study
    from tuning.study import run_study

    home = tmp_path_factory.mktemp("confirm-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMATUNE_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        import tuning.study

        patch.setattr(
            tuning.study, "BASELINES", {name: tuning.study.BASELINES[name] for name in FAST}
        )
        space = SearchSpace.model_validate(SPACE)
        run_study(StudyPlan("tiny", demo(), GROUPED, "test", space, 3, 0, None))
        plan = ConfirmationPlan(read_study("tiny", None, home), 2, 2, None, FAST)
        yield home, confirm_study(plan), confirm_study(plan)


@pytest.mark.ray
class TestConfirmedStudy:
    @pytest.fixture(autouse=True)
    def _same_home(self, confirmed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MMATUNE_HOME", str(confirmed[0]))

    def test_the_protocol_is_the_recorded_one(self, confirmed: Any) -> None:
        _, first, _ = confirmed
        assert first.plan.study.protocol == GROUPED.in_words_of(DEFAULT_KINDS)
        assert first.document()["protocol"] == "honest+groups-test"

    def test_rows_and_children(self, confirmed: Any) -> None:
        from tuning.record.study_record import runs_of

        _, first, _ = confirmed
        names = {row["name"] for row in first.rows}
        assert len(names) == len(first.plan.candidates) + len(FAST)
        record = first.plan.study.record
        children = runs_of(record.client, record.experiment_id, "tags.kind = 'confirm'")
        assert len(children) == 2 * len(names)
        assert {run.data.tags["confirms"] for run in children} == names
        assert {run.info.status for run in children} == {"FINISHED"}
        assert {run.data.tags["mlflow.parentRunId"] for run in children} == {record.run_id}
        for row in first.rows:
            run = next(run for run in children if run.data.tags["confirms"] == row["name"])
            assert run.data.metrics["auc"] == pytest.approx(row["confirmed_auc"])
            assert bool(run.data.params) == (row["kind"] == "trial")

    def test_opening_is_counted_and_said(
        self, confirmed: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from tuning.commands.confirm import _show

        _, first, second = confirmed
        assert (first.opened, second.opened) == (1, 2)
        record = second.plan.study.record
        tags = record.client.get_run(record.run_id).data.tags
        assert tags["sealed_opened"] == "2"
        assert len(tags["sealed_opened_at"].split(", ")) == 2
        assert "2 times" in tags["sealed_warning"]
        _show(first)
        assert "has now been opened" not in capsys.readouterr().err
        _show(second)
        assert "has now been opened 2 times" in capsys.readouterr().err

    def test_the_outcome_is_kept(self, confirmed: Any, tmp_path: Any) -> None:
        from tuning.registry.versions import resolve

        _, _, second = confirmed
        record = second.plan.study.record
        run = record.client.get_run(record.run_id)
        path = record.client.download_artifacts(record.run_id, "confirmation.json", str(tmp_path))
        with open(path) as file:
            kept = json.load(file)
        assert kept == json.loads(json.dumps(second.document()))
        sealed = second.sealed.model.scores["auc"]
        assert run.data.metrics["confirmed_auc"] == sealed.value
        assert run.data.metrics["search_optimism"] == second.optimism.winner.value
        found = resolve(f"demo/{second.registration.version}")
        assert float(found.tags["confirmed_auc"]) == sealed.value
        assert sealed.low < sealed.value < sealed.high
        difference = second.sealed.difference["auc"]
        other = second.sealed.baseline.scores["auc"]
        assert difference.value == pytest.approx(sealed.value - other.value)
        assert difference.low < difference.value < difference.high
        assert float(found.tags["confirmed_difference"]) == difference.value

    def test_the_optimism_has_an_error_and_a_control(self, confirmed: Any) -> None:
        _, first, _ = confirmed
        (winner,) = [r for r in first.rows if r["name"] == first.plan.candidates[0].name]
        (degree,) = [r for r in first.rows if r["kind"] == "baseline"]
        assert first.optimism.winner.value == pytest.approx(winner["optimism"])
        assert first.optimism.baselines.value == pytest.approx(degree["optimism"])
        beyond = first.optimism.beyond
        assert beyond.value == pytest.approx(winner["optimism"] - degree["optimism"])
        assert first.optimism.winner.standard_error > 0

    def test_the_simplest_near_the_best_is_chosen_by_its_weights(self, confirmed: Any) -> None:
        _, first, _ = confirmed
        trials = {row["name"]: row for row in first.rows if row["kind"] == "trial"}
        config = first.plan.candidates[0].configuration
        width = NodeFeatures(config.features, Similarities.of(demo())).width
        model = MaskedGraphAutoencoder(config, width, demo().associations.shape)
        weights = sum(parameter.numel() for parameter in model.parameters())
        assert {row["weights"] for row in trials.values()} == {weights}
        # They differ in the learning rate alone: equally simple, so the best mean.
        assert first.verdict.chosen == max(trials, key=lambda name: trials[name]["confirmed_auc"])

    def test_the_model_for_use_is_trained_on_everything(self, confirmed: Any) -> None:
        """Beside the measured one, whose every figure is of pairs that it was not trained on."""
        from tuning.registry.versions import resolve

        _, first, second = confirmed
        number = first.registration.version
        assert first.refit == second.refit != number == second.registration.version
        measured, everything = (_pulled(f"demo/{one}") for one in (number, first.refit))
        assert np.array_equal(everything.train_pairs, demo().association_pairs)
        assert everything.config == measured.config
        assert everything.config.training.seeds == 3
        assert everything.calibration == measured.calibration
        fold = sealed_fold(demo(), GROUPED, first.plan.study.seed)
        sealed = set(map(tuple, (fold.held_out.T - [0, len(demo().rows)]).tolist()))
        assert not sealed & set(map(tuple, measured.train_pairs.tolist()))
        at = [
            score_node_pairs(measured.probabilities())(p)
            for p in (fold.held_out, fold.ranked_against)
        ]
        auc = ranking_metrics(*at, threshold=None)["auc"]
        assert first.sealed.model.scores["auc"].value == pytest.approx(auc)
        found = resolve(f"demo/{first.refit}")
        assert found.tags["measured_version"] == str(number)
        assert not [key for key in found.tags if "auc" in key]
        assert f"All figures here are of version {number}" in found.description
        assert f"{auc:.4f}" in found.description
        assert second.verdict.baselines_ahead == ()
        assert int(resolve("demo").version) == second.refit

    def test_the_folds_are_kept_for_a_later_comparison(self, confirmed: Any) -> None:
        from tuning.registry.versions import resolve

        _, _, second = confirmed
        tags = resolve(f"demo/{second.registration.version}").tags
        folds = second.fold_scores[second.verdict.chosen]
        assert json.loads(tags["fresh_auc_folds"]) == pytest.approx(folds, abs=1e-6)
        assert np.mean(folds) == pytest.approx(float(tags["fresh_auc"]))
        assert len(folds) == 2 * GROUPED.folds
        assert tags["sealed_warning"].startswith("opened 2 times")

    def test_the_report_in_mlflow_has_the_outcome(self, confirmed: Any, tmp_path: Any) -> None:
        """The confirmed score with its intervals, beside the baselines'."""
        _, _, second = confirmed
        record = second.plan.study.record
        path = record.client.download_artifacts(record.run_id, "report.html", str(tmp_path))
        page = html.unescape(Path(path).read_text(encoding="utf-8"))
        text = " ".join(re.sub(r"<[^>]*>", " ", page.partition("</head>")[2]).split())
        assert "Not yet confirmed" not in text
        for row in second.rows:
            score = f"{row['confirmed_auc']:.4f} ± {row['standard_error']:.4f}"
            assert f"{row['name']} {score}" in text
        for sealed in (second.sealed.model, second.sealed.baseline):
            auc = sealed.scores["auc"]
            assert re.search(f"{auc.value:.4f} .{{0,20}}{auc.low:.4f} to", text)
            assert f"to {auc.high:.4f})" in text
        assert f"the difference is {second.sealed.difference['auc'].value:+.4f}" in text
        assert f"For use: demo/{second.refit}" in text
        assert f"score moves by {-second.optimism.winner.value:+.4f} ±" in text
        assert "opened 2 times" in text

    def test_the_second_confirmation_took_the_baselines_from_the_cache(
        self, confirmed: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """All their scores on all splits are there: no task is left to be sent to Ray."""
        from model.evaluation.result import Evaluation
        from tuning.cluster.session import Resources
        from tuning.confirm import tasks as confirm_tasks

        _, first, _ = confirmed
        part = development_part(demo(), GROUPED, first.plan.study.seed)
        monkeypatch.setattr("ray.put", lambda value: value)
        found = confirm_tasks.measure_on_fresh_splits(
            part, GROUPED, {}, FAST, first.plan.seeds, Resources(1, 0, 1), lambda done, total: None
        )
        for row in first.rows:
            if row["kind"] == "baseline":
                folds = tuple(fold for split in found[row["name"]] for fold in split.folds)
                assert Evaluation(folds).summary()["auc"] == pytest.approx(row["confirmed_auc"])

    def test_a_winning_baseline_leaves_the_sealed_part_sealed(
        self, confirmed: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from tuning.commands.confirm import _show
        from tuning.confirm import confirmation
        from tuning.registry.versions import resolve

        _, _, second = confirmed
        champion = resolve("demo").version
        won = ("kernel ridge similarity",)
        lost = dataclasses.replace(second.verdict, winning_baselines=won, baselines_ahead=won)
        trained = untrained(np.full(demo().associations.shape, 0.5))
        measured = [
            Measured(
                row["name"],
                row["kind"],
                *[np.full(10, 0.8) + NOISE[0][:10]] * 2,
                1.0,
                0.8,
                weights=1,
            )
            for row in second.rows
        ]
        chosen = second.plan.candidates[0]
        result = confirmation._open_and_register(
            second.plan, measured, 0.25, lost, chosen, trained, NOTHING
        )
        assert (result.sealed, result.refit) == (None, None)
        record = second.plan.study.record
        assert record.client.get_run(record.run_id).data.tags["sealed_opened"] == "2"  # as before
        assert result.registration.reason.startswith(
            "a baseline is ahead (kernel ridge similarity): "
        )
        assert resolve("demo").version == champion
        _show(result)
        assert "stays sealed" in capsys.readouterr().err

    def test_both_confirmations_agree_and_register_once(self, confirmed: Any) -> None:
        from tuning.registry.versions import list_models

        _, first, second = confirmed
        for row, again in zip(first.rows, second.rows, strict=True):
            assert row["confirmed_auc"] == again["confirmed_auc"]
        assert len({row["version"] for row in list_models()}) <= 3
        if first.verdict.chosen == second.verdict.chosen:
            assert first.registration.version == second.registration.version
            assert first.sealed == second.sealed

    def test_nothing_before_the_opening_knows_the_sealed_part(self, confirmed: Any) -> None:
        """Without the sealed associations in the data, everything is the same bit for bit."""
        from model.baselines.registry import BASELINES, evaluate_baseline
        from model.evaluation.fresh_splits import DevelopmentPart, fresh_folds
        from model.training.cross_validation import CrossValidation

        torch.set_num_threads(1)  # as the workers have: sums depend on how they are split
        _, first, _ = confirmed
        study, dataset = first.plan.study, demo()
        sealed = sealed_fold(dataset, GROUPED, study.seed).held_out.T - [0, len(dataset.rows)]
        erased = dataset.associations.copy()
        erased[tuple(sealed.T)] = 0
        part = DevelopmentPart(dataclasses.replace(dataset, associations=erased), sealed)
        rows = {row["name"]: row["confirmed_auc"] for row in first.rows}
        scores: dict[str, list[float]] = {name: [] for name in rows}
        for seed in first.plan.seeds:
            folds = fresh_folds(part, GROUPED, seed)
            for one in first.plan.candidates:
                validation = CrossValidation(one.configuration, part.dataset, folds * 3, seed=seed)
                validation.train(one.configuration.training.epochs)
                seeds = np.array([fold["auc"] for fold in validation.evaluate().folds])
                scores[one.name] += seeds.reshape(3, -1).mean(axis=0).tolist()
            for name in FAST:
                found = evaluate_baseline(BASELINES[name], part.dataset, folds)
                scores[name] += [fold["auc"] for fold in found.folds]
        assert {name: float(np.mean(aucs)) for name, aucs in scores.items()} == rows

    def test_an_interruption_cannot_hide_the_opening(
        self, confirmed: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Cut off at the sealed score: the opening is on record, the champion has not moved."""
        from tuning.confirm import confirmation
        from tuning.registry.versions import resolve

        _, _, second = confirmed
        record = second.plan.study.record
        before = _openings(record)
        champion = resolve("demo").version

        def cut(*arguments: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(confirmation, "sealed_scores", cut)
        one = second.plan.candidates[0]
        rows = [measured(one.name, 0.9), measured("ridge", 0.8, kind="baseline")]
        with pytest.raises(KeyboardInterrupt):
            confirmation._open_and_register(
                second.plan,
                rows,
                0.25,
                decide(rows, 0.25),
                one,
                untrained(np.zeros((286, 39))),
                NOTHING,
            )
        after = _openings(record)
        assert int(after["sealed_opened"]) == int(before["sealed_opened"]) + 1
        assert resolve("demo").version == champion
        _set_back(record, before)

    def test_cut_off_between_the_registrations_a_second_one_goes_on(
        self, confirmed: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from model.errors import InputError
        from tuning.commands.promote import promote
        from tuning.confirm import confirmation
        from tuning.confirm import training as confirm_training
        from tuning.registry.versions import find_refit, list_models, resolve

        _, _, second = confirmed
        record = second.plan.study.record
        before, champion = _openings(record), resolve("demo").version
        (other,) = (c for c in second.plan.candidates if c.name != second.verdict.chosen)
        everyone = [
            dataclasses.replace(one, score=one.score[:10], beside=one.beside[:10])
            for one in (
                measured(second.verdict.chosen, 0.6),
                measured(other.name, 0.61),
                measured("additive degree", 0.5, kind="baseline"),
            )
        ]
        verdict = decide(everyone, 0.25)
        assert verdict.chosen == other.name
        trained = dataclasses.replace(
            untrained(np.random.default_rng(0).random(demo().associations.shape)),
            config=to_hand_out(other.configuration),
        )
        trainings = []

        def cut(*arguments: Any) -> FinalModel:
            raise KeyboardInterrupt

        def train(one: FinalModel, dataset: Any, resources: Any) -> FinalModel:
            trainings.append(one)
            return dataclasses.replace(one, train_pairs=dataset.association_pairs)

        run = (second.plan, everyone, 0.25, verdict, other, trained, NOTHING)
        versions = len(list_models())
        monkeypatch.setattr(confirm_training, "train_on_everything", cut)
        with pytest.raises(KeyboardInterrupt):
            confirmation._open_and_register(*run)
        cut_off = max(row["version"] for row in list_models())
        known = len(list_models())
        assert known <= versions + 1
        assert resolve("demo").version == champion
        with pytest.raises(InputError, match="interrupted before"):
            promote("tiny")
        monkeypatch.setattr(confirm_training, "train_on_everything", train)
        result = confirmation._open_and_register(*run)
        assert result.registration.version == cut_off or known == versions
        assert result.refit == find_refit("demo", result.registration.version) is not None
        assert len(list_models()) == known + 1
        # 0.61 is worse than what the champion has.
        assert resolve("demo").version == champion
        again = confirmation._open_and_register(*run)
        assert (again.refit, len(trainings)) == (result.refit, 1)
        assert len(list_models()) == known + 1
        _set_back(record, before)

    @pytest.mark.survives("`confirm` by Ctrl-C while it trains", "the sealed part stays sealed")
    def test_ctrl_c_while_it_trains_leaves_nothing_open_and_nothing_opened(
        self, confirmed: Any
    ) -> None:
        from tuning.confirm.confirmation import confirm_study
        from tuning.record.study_record import runs_of

        _, _, second = confirmed
        record = second.plan.study.record
        before = _openings(record)
        command = [*COMMAND, "confirm", "tiny"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        process = subprocess.Popen(
            [*command, "--splits", "20"],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            _wait_for_a_training(process)
            os.kill(process.pid, signal.SIGINT)
            stderr = process.communicate()[1]
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        assert process.returncode == 130, stderr
        assert "Traceback" not in stderr
        assert _openings(record) == before
        runs = runs_of(record.client, record.experiment_id)
        assert "RUNNING" not in {run.info.status for run in runs}
        again = confirm_study(dataclasses.replace(second.plan, top=1))
        assert again.sealed
        assert again.opened == int(before["sealed_opened"]) + 1
        _set_back(record, before)

    def test_changed_data_are_refused(
        self, confirmed: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from model.errors import InputError
        from tuning.record.finished_study import read_study

        swapped = dataclasses.replace(demo(), associations=1 - demo().associations)
        monkeypatch.setattr("model.data.catalogue.load", lambda name, folder: swapped)
        with pytest.raises(InputError, match="the data have changed"):
            read_study("tiny", None, confirmed[0])


def test_the_default_configuration_survives_too() -> None:
    text = {key: str(value) for key, value in Configuration().dotted().items()}
    assert configuration_from_params(text) == Configuration()


def _pulled(reference: str) -> TrainedModel:
    """The checkpoint of a registered version."""
    from tuning.registry.versions import resolve

    folder = resolve(reference).source.removeprefix("file:")
    return load_checkpoint(Path(folder, "artifacts", CHECKPOINT))


def _openings(record: StudyRecord) -> dict[str, str]:
    """What is written down of the sealed part's openings."""
    tags = record.client.get_run(record.run_id).data.tags
    return {key: tags[key] for key in ("sealed_opened", "sealed_opened_at", "sealed_warning")}


def _set_back(record: StudyRecord, openings: dict[str, str]) -> None:
    """So that the other tests of the study find what they expect."""
    for key, value in openings.items():
        record.client.set_tag(record.run_id, key, value)


def _wait_for_a_training(process: subprocess.Popen[str]) -> None:
    """Ray names its workers by what they run."""
    while process.poll() is None:
        listed = subprocess.run(
            ["ps", "-o", "args=", "-s", str(process.pid)], capture_output=True, text=True
        ).stdout
        if "ray::_train_task" in listed or "ray::_baseline_task" in listed:
            return
        time.sleep(0.2)
    pytest.fail("it ended before a training was seen")
