"""`confirm`: measure a study's best configurations anew, choose one, open the sealed part once.

Order matters. Fresh splits decide which configuration is chosen; then, unless a baseline has won,
the opening of the sealed part is written down; then it is scored; then the model is registered, and
beside it the same configuration trained on all associations; the champion moves last.

A second confirmation does all of it again, but registers only what is not there: so it also goes on
where the first was cut off.
"""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from model.baselines.registry import BASELINES, core
from model.data.kinds import as_record
from model.errors import InputError
from model.evaluation.fresh_splits import DevelopmentPart, development_part, fresh_folds
from model.evaluation.result import Evaluation
from tuning.cluster.session import Resources, ray_session, trial_resources
from tuning.confirm.noting import outcome_tags, record_outcome, renew_notes
from tuning.confirm.optimism import Optimism, optimism
from tuning.confirm.registering import register_everything, register_measured
from tuning.confirm.sealed import (
    SealedComparison,
    opened_by_others,
    record_opening,
    sealed_scores,
)
from tuning.confirm.tasks import SEEDS, OnSplit, ensemble_on_splits, measure_on_fresh_splits
from tuning.confirm.training import Trained, train_chosen, train_on_all
from tuning.console import console
from tuning.ending import Ending
from tuning.metric import metric_beside, ranking_key
from tuning.record.driver_lock import close_dead_studies, driving
from tuning.record.ensembles import Ensemble
from tuning.record.finished_study import Candidate, FinishedStudy
from tuning.record.study_record import CONFIRMATION, runs_of
from tuning.registry.conclusion import CONCLUSION, conclusion
from tuning.registry.verdict import Measured, Verdict, decide, summary_row
from tuning.registry.versions import (
    Registration,
    confirm_refit,
    confirm_version,
    promote_version,
)
from tuning.report.attach import attach_report

if TYPE_CHECKING:
    import pandas as pd

_FRESH = 0xC0F1  # keeps the seeds of fresh splits apart from those of folds


@dataclass(frozen=True)
class ConfirmationPlan:
    """What to confirm.

    Args:
        top: how many of the study's best full-budget trials.
        splits: how many fresh partitions, each with a seed of its own.
        gpus_per_trial: as for the study.
        baselines: names of those to measure beside them.
        across: let `champion` move also from other data, another protocol or another metric.
    """

    study: FinishedStudy
    top: int
    splits: int = 5
    gpus_per_trial: float | None = None
    baselines: tuple[str, ...] = core()
    across: bool = False

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        return self.study.candidates[: self.top]

    @property
    def members(self) -> tuple[Candidate, ...]:
        """The trials of the study's ensemble."""
        wanted = self.study.ensemble.members if self.study.ensemble else ()
        return tuple(one for one in self.study.candidates if one.name in wanted)

    @property
    def baseline_members(self) -> tuple[str, ...]:
        """The baselines of the study's ensemble."""
        wanted = self.study.ensemble.members if self.study.ensemble else ()
        trials = {one.name for one in self.members}
        return tuple(name for name in wanted if name not in trials)

    @property
    def seeds(self) -> list[int]:
        """One for each fresh split; always the same for a study, so nobody can draw again."""
        sequences = [
            np.random.SeedSequence([self.study.seed, _FRESH, k]) for k in range(self.splits)
        ]
        return [int(sequence.generate_state(1)[0]) for sequence in sequences]


@dataclass(frozen=True)
class Confirmation:
    """What came out.

    Args:
        rows: of `verdict.summary_row`, best first.
        fold_scores: of each name the study's metric on each fold, splits one after another.
        optimism: None where the study's winner diverged.
        sealed: None where the protocol seals nothing, and where a baseline has won on the fresh
            splits: then there is nothing left for the sealed part to decide.
        opened: how often the study's sealed part has been opened.
        registration: of the version that was measured.
        refit: number of the version that is the same trained on all associations, made once the
            sealed part has been opened; None before, and where nothing was sealed: then the
            measured version is trained on all of them.
    """

    plan: ConfirmationPlan
    rows: list[dict[str, Any]]
    fold_scores: dict[str, list[float]]
    verdict: Verdict
    optimism: Optimism | None
    sealed: SealedComparison | None
    opened: int
    opened_by_others: list[str]
    registration: Registration
    refit: int | None = None

    def to_frame(self) -> pd.DataFrame:
        """Trials and baselines on the fresh splits as a table, best first.

        Columns as of `verdict.summary_row`: ``confirmed_auc`` is the mean over folds and splits,
        ``standard_error`` its corrected one.
        """
        import pandas as pd

        return pd.DataFrame(self.rows)

    def document(self) -> dict[str, Any]:
        """As JSON; ``conclusion`` is the sentence that all views show."""
        document = self._document()
        return {"conclusion": conclusion(document), **document}

    def _document(self) -> dict[str, Any]:
        study = self.plan.study
        sealed = self.sealed and {
            **self.sealed.document(),
            "opened": self.opened,
            "opened_by_other_studies": self.opened_by_others,
        }
        return {
            "study": study.name,
            "dataset": study.dataset.name,
            "data_hash": study.dataset.content_hash,
            "kinds": as_record(study.dataset.kinds),
            "protocol": study.protocol.name,
            "metric": study.metric,
            "splits": self.plan.splits,
            "seeds": SEEDS,
            "rows": self.rows,
            "fold_scores": self.fold_scores,
            **asdict(self.verdict),
            "optimism": self.optimism and self.optimism.winner.value,
            "optimism_and_control": self.optimism and self.optimism.document(),
            "sealed": sealed,
            "model": asdict(self.registration),
            "refit": self.refit,
        }


def confirm_study(plan: ConfirmationPlan) -> Confirmation:
    """Run the confirmation.

    Raises:
        InputError: another process drives the study, the protocol cannot be split anew, or no
            configuration has a finite score on the fresh splits.
    """
    close_dead_studies()
    study = plan.study
    part = development_part(study.dataset, study.protocol, study.seed)
    ratio = fold_ratio(plan, part)
    with driving(study.name), console.status("starting Ray ...") as status, ray_session():
        resources = trial_resources(plan.gpus_per_trial)

        def progress(done: int, total: int) -> None:
            status.update(f"fresh splits: {done} of {total} trainings done ...")

        on_splits = measure_on_fresh_splits(
            part,
            study.protocol,
            {one.name: one.configuration for one in (*plan.candidates, *plan.members)},
            tuple(dict.fromkeys((*plan.baselines, *plan.baseline_members))),
            plan.seeds,
            resources,
            progress,
            members=plan.study.ensemble.members if plan.study.ensemble else (),
        )
        on_splits = _with_ensemble(plan, part, on_splits)
        measured = _measured(plan, on_splits)
        try:
            verdict = decide(measured, ratio)
        except ValueError as error:
            raise InputError(str(error), where=f"study {study.name}") from error
        _record_children(plan, on_splits)
        status.update(f"training {verdict.chosen} on all development associations ...")
        chosen = _chosen(plan, verdict)
        trained = train_chosen(
            plan.study, part, chosen, plan.members, plan.baseline_members, resources
        )
        status.stop()
        return _open_and_register(plan, measured, ratio, verdict, chosen, trained, resources)


def _with_ensemble(
    plan: ConfirmationPlan, part: DevelopmentPart, on_splits: dict[str, list[OnSplit]]
) -> dict[str, list[OnSplit]]:
    """The candidates, the ensemble if there is one, and the baselines.

    Members that are no candidates were measured for the ensemble alone.
    """
    found = {one.name: on_splits[one.name] for one in plan.candidates}
    ensemble = plan.study.ensemble
    if ensemble is not None:
        found[ensemble.name] = ensemble_on_splits(
            on_splits, ensemble.members, part, plan.study.protocol, plan.seeds
        )
    return found | {name: on_splits[name] for name in plan.baselines}


def _chosen(plan: ConfirmationPlan, verdict: Verdict) -> Candidate | Ensemble:
    ensemble = plan.study.ensemble
    if ensemble is not None and verdict.chosen == ensemble.name:
        return ensemble
    return next(one for one in plan.candidates if one.name == verdict.chosen)


def fold_ratio(plan: ConfirmationPlan, part: DevelopmentPart) -> float:
    """Associations held out over associations trained on, the mean over the folds of a split.

    Raises:
        InputError: one fold is all there would be.
    """
    folds = fresh_folds(part, plan.study.protocol, plan.seeds[0])
    if len(folds) * plan.splits < 2:
        raise InputError("one fold has no spread", where="--splits", hint="use at least 2 splits")
    return float(np.mean([fold.held_out.shape[1] / len(fold.train_pairs) for fold in folds]))


def _measured(plan: ConfirmationPlan, on_splits: dict[str, list[OnSplit]]) -> list[Measured]:
    trials = {one.name: one.development_score for one in plan.candidates}
    known = trials | _development_baselines(plan.study)
    metric, ensemble = plan.study.metric, plan.study.ensemble
    if ensemble is not None:
        known[ensemble.name] = ensemble.development_score

    def kind(name: str) -> Literal["trial", "ensemble", "baseline"]:
        if ensemble is not None and name == ensemble.name:
            return "ensemble"
        return "trial" if name in trials else "baseline"

    def of_folds(name: str, splits: list[OnSplit]) -> np.ndarray:
        return np.array([fold[name] for split in splits for fold in split.folds])

    return [
        Measured(
            name=name,
            kind=kind(name),
            score=of_folds(metric, splits),
            beside=of_folds(metric_beside(metric), splits),
            seconds=_median_seconds(splits),
            development_score=known.get(name),
            metric=metric,
            weights=splits[0].weights,
        )
        for name, splits in on_splits.items()
    ]


def baselines_to_confirm(study: FinishedStudy) -> tuple[str, ...]:
    """The core ones, whatever the study measured: what is handed out has to beat them. And those
    that the study measured beside them."""
    known = (name for name in _development_baselines(study) if name in BASELINES)
    return tuple(dict.fromkeys((*core(), *known)))


def _development_baselines(study: FinishedStudy) -> dict[str, float]:
    """The baselines' scores on the study's own folds."""
    record = study.record
    runs = runs_of(record.client, record.experiment_id, "tags.kind = 'baseline'")
    return {
        str(run.info.run_name): run.data.metrics[study.metric]
        for run in runs
        if study.metric in run.data.metrics
    }


def _median_seconds(splits: list[OnSplit]) -> float | None:
    seconds = [split.seconds for split in splits if split.seconds is not None]
    return float(np.median(seconds)) if seconds else None


def _record_children(plan: ConfirmationPlan, on_splits: dict[str, list[OnSplit]]) -> None:
    """A child run of the kind "confirm" for each configuration and baseline; a step per split."""
    record = plan.study.record
    params = {one.name: one.configuration.dotted() for one in plan.candidates}
    for name, splits in on_splits.items():
        run_id = record.open_child("confirm", f"confirm {name}", params.get(name, {}))
        record.set_tags(run_id, {"confirms": name})
        for step, split in enumerate(splits):
            metrics = Evaluation(split.folds).summary()
            if split.seconds is not None:
                metrics["seconds"] = split.seconds
            record.log_metrics(run_id, metrics, step=step)
        everything = Evaluation(tuple(fold for split in splits for fold in split.folds))
        record.log_metrics(run_id, everything.summary(), step=len(splits))
        record.close(run_id, Ending.FINISHED)


def _open_and_register(
    plan: ConfirmationPlan,
    measured: list[Measured],
    ratio: float,
    verdict: Verdict,
    chosen: Candidate | Ensemble,
    trained: Trained,
    resources: Resources,
) -> Confirmation:
    study, record = plan.study, plan.study.record
    by_name = {one.name: one for one in measured}
    rows = [summary_row(one, ratio) for one in measured]
    rows.sort(key=lambda row: ranking_key(row[f"confirmed_{study.metric}"]))
    sealed, opened, others = None, 0, list[str]()
    if study.protocol.sealed_fraction and not verdict.winning_baselines:
        others = opened_by_others(study)
        opened = record_opening(study)
        baseline = next(row["name"] for row in rows if row["kind"] == "baseline")
        with console.status("scoring the sealed part ..."):
            sealed = sealed_scores(study, chosen.name, trained.probability, baseline)
    found = optimism(by_name[plan.candidates[0].name], measured, plan.splits)
    tags = outcome_tags(study, by_name[chosen.name], rows, ratio, sealed)
    record_outcome(study, tags, verdict, found)
    model = study.dataset.name
    with console.status("registering the model ..."):
        number = register_measured(study, chosen, trained)
        result = Confirmation(
            plan=plan,
            rows=rows,
            fold_scores={one.name: [float(fold) for fold in one.score] for one in measured},
            verdict=verdict,
            optimism=found,
            sealed=sealed,
            opened=opened,
            opened_by_others=others,
            registration=Registration(model, number, False, "not decided yet"),
        )
        # Kept before the alias moves, and again with what became of it.
        document = result.document()
        tags[CONCLUSION] = document[CONCLUSION]
        record.log_json(record.run_id, document, CONFIRMATION)
        confirm_version(model, number, tags)
    if sealed:
        with console.status(f"training {chosen.name} on all associations ..."):
            refit = register_everything(
                study,
                chosen,
                number,
                lambda: train_on_all(trained, study.dataset, study.protocol, resources),
            )
        confirm_refit(model, refit, tags)
        result = replace(result, refit=refit)
    across = None if plan.across else shlex.join(["mmatune", "promote", study.name, "--across"])
    registration = promote_version(model, number, verdict.baselines_ahead, across)
    result = replace(result, registration=registration)
    record.log_json(record.run_id, result.document(), CONFIRMATION)
    renew_notes(study, document[CONCLUSION], f"{model}/{result.refit or number}")
    with console.status("drawing the report ..."):
        attach_report(record, study.name, study.dataset)
    return result
