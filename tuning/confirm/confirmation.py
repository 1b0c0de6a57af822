"""`confirm`: measure a study's best configurations anew, choose one, open the sealed part once.

Order matters. Fresh splits decide which configuration is chosen; then, unless a baseline has won,
the opening of the sealed part is written down; then it is scored; then the model is registered; the
champion moves last.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from model.baselines.registry import BASELINES
from model.errors import InputError
from model.evaluation.fresh_splits import DevelopmentPart, development_part, fresh_folds
from model.evaluation.protocols import development_folds, development_pairs
from model.evaluation.result import Evaluation
from model.training.checkpoint import checkpoint
from model.training.final import FinalModel
from tuning.cluster.session import Resources, ray_session, trial_resources
from tuning.confirm.sealed import SealedScore, opened_by_others, record_opening, sealed_scores
from tuning.confirm.tasks import OnSplit, measure_on_fresh_splits
from tuning.console import console
from tuning.ending import Ending
from tuning.metric import metric_beside, ranking_key
from tuning.record.driver_lock import close_dead_studies, driving
from tuning.record.finished_study import Candidate, FinishedStudy
from tuning.registry.model_card import ModelCard, version_tags
from tuning.registry.verdict import Measured, Verdict, decide, summary_row
from tuning.registry.versions import Registration, confirm_version, find_version, register
from tuning.report.attach import attach_report
from tuning.search.worker import train_to_register

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
    """

    study: FinishedStudy
    top: int
    splits: int = 5
    gpus_per_trial: float | None = None
    baselines: tuple[str, ...] = tuple(BASELINES)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        return self.study.candidates[: self.top]

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

    ``sealed`` is (model, baseline); None where the protocol seals nothing, and where a baseline has
    won on the fresh splits: then there is nothing left for the sealed part to decide.
    """

    plan: ConfirmationPlan
    rows: list[dict[str, Any]]
    verdict: Verdict
    optimism: float | None
    sealed: tuple[SealedScore, SealedScore] | None
    opened: int
    opened_by_others: list[str]
    registration: Registration

    def to_frame(self) -> pd.DataFrame:
        """Trials and baselines on the fresh splits as a table, best first.

        Columns as of `verdict.summary_row`: ``confirmed_auc`` is the mean over folds and splits,
        ``standard_error`` its corrected one.
        """
        import pandas as pd

        return pd.DataFrame(self.rows)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        study = self.plan.study
        sealed = self.sealed and {
            "model": self.sealed[0].document(),
            "baseline": self.sealed[1].document(),
            "opened": self.opened,
            "opened_by_other_studies": self.opened_by_others,
        }
        return {
            "study": study.name,
            "dataset": study.dataset.name,
            "data_hash": study.dataset.content_hash,
            "protocol": study.protocol.name,
            "metric": study.metric,
            "splits": self.plan.splits,
            "rows": self.rows,
            **asdict(self.verdict),
            "optimism": self.optimism,
            "sealed": sealed,
            "model": asdict(self.registration),
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
    ratio = _test_train_ratio(plan, part)
    with driving(study.name):
        with console.status("starting Ray ...") as status, ray_session():
            resources = trial_resources(plan.gpus_per_trial)

            def progress(done: int, total: int) -> None:
                status.update(f"fresh splits: {done} of {total} trainings done ...")

            on_splits = measure_on_fresh_splits(
                part,
                study.protocol,
                {one.name: one.configuration for one in plan.candidates},
                plan.baselines,
                plan.seeds,
                resources,
                progress,
            )
            measured = _measured(plan, on_splits)
            try:
                verdict = decide(measured, ratio)
            except ValueError as error:
                raise InputError(str(error), where=f"study {study.name}") from error
            _record_children(plan, on_splits)
            status.update(f"training {verdict.chosen} on all development associations ...")
            chosen = next(one for one in plan.candidates if one.name == verdict.chosen)
            trained = _train_chosen(plan, part, chosen, resources)
        return _open_and_register(plan, measured, ratio, verdict, chosen, trained)


def _test_train_ratio(plan: ConfirmationPlan, part: DevelopmentPart) -> float:
    folds = fresh_folds(part, plan.study.protocol, plan.seeds[0])
    if len(folds) * plan.splits < 2:
        raise InputError("one fold has no spread", where="--splits", hint="use at least 2 splits")
    return float(np.mean([fold.held_out.shape[1] / len(fold.train_pairs) for fold in folds]))


def _measured(plan: ConfirmationPlan, on_splits: dict[str, list[OnSplit]]) -> list[Measured]:
    known = {one.name: one.development_score for one in plan.candidates}
    metric = plan.study.metric

    def of_folds(name: str, splits: list[OnSplit]) -> np.ndarray:
        return np.array([fold[name] for split in splits for fold in split.folds])

    return [
        Measured(
            name=name,
            kind="trial" if name in known else "baseline",
            score=of_folds(metric, splits),
            beside=of_folds(metric_beside(metric), splits),
            seconds=_median_seconds(splits),
            development_score=known.get(name),
            metric=metric,
        )
        for name, splits in on_splits.items()
    ]


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


def _train_chosen(
    plan: ConfirmationPlan, part: DevelopmentPart, chosen: Candidate, resources: Resources
) -> FinalModel:
    study = plan.study
    pairs = development_pairs(study.dataset, study.protocol, study.seed)
    folds = development_folds(study.dataset, study.protocol, study.seed)
    return train_to_register(
        chosen.configuration, part.dataset, folds, pairs, study.seed, resources
    )


def _open_and_register(
    plan: ConfirmationPlan,
    measured: list[Measured],
    ratio: float,
    verdict: Verdict,
    chosen: Candidate,
    trained: FinalModel,
) -> Confirmation:
    study, record = plan.study, plan.study.record
    rows = [summary_row(one, ratio) for one in measured]
    confirmed, fresh = f"confirmed_{study.metric}", f"fresh_{study.metric}"
    rows.sort(key=lambda row: ranking_key(row[confirmed]))
    by_name = {row["name"]: row for row in rows}
    sealed, opened, others = None, 0, list[str]()
    if study.protocol.sealed_fraction and not verdict.winning_baselines:
        others = opened_by_others(study)
        opened = record_opening(study)
        baseline = next(row["name"] for row in rows if row["kind"] == "baseline")
        with console.status("scoring the sealed part ..."):
            sealed = sealed_scores(study, chosen.name, trained.probability, baseline)
    tags = {
        fresh: repr(by_name[chosen.name][confirmed]),
        f"{fresh}_se": repr(by_name[chosen.name]["standard_error"]),
    }
    if sealed:
        tags |= sealed[0].tags(study.metric)
    optimism = by_name[plan.candidates[0].name]["optimism"]
    _record_outcome(study, tags, verdict, optimism)
    with console.status("registering the model ..."):
        number = _registered(plan, chosen, trained)
        result = Confirmation(
            plan=plan,
            rows=rows,
            verdict=verdict,
            optimism=optimism,
            sealed=sealed,
            opened=opened,
            opened_by_others=others,
            registration=Registration(study.dataset.name, number, False, "not decided yet"),
        )
        # Kept before the alias moves, and again with what became of it.
        record.log_json(record.run_id, result.document(), "confirmation.json")
        registration = confirm_version(study.dataset.name, number, tags, verdict.winning_baselines)
    result = replace(result, registration=registration)
    record.log_json(record.run_id, result.document(), "confirmation.json")
    with console.status("drawing the report ..."):
        attach_report(record, study.name, study.dataset)
    return result


def _record_outcome(
    study: FinishedStudy, tags: dict[str, str], verdict: Verdict, optimism: float | None
) -> None:
    """The outcome as metrics and tags of the study's own run."""
    client, run_id = study.record.client, study.record.run_id
    for key, value in tags.items():
        client.log_metric(run_id, key, float(value))
    if optimism is not None:
        client.log_metric(run_id, "search_optimism", optimism)
    client.set_tag(run_id, "confirmed", verdict.chosen)
    client.set_tag(run_id, "tied_with_best", json.dumps(verdict.tied))
    client.set_tag(run_id, "winning_baselines", json.dumps(verdict.winning_baselines))


def _registered(plan: ConfirmationPlan, chosen: Candidate, trained: FinalModel) -> int:
    """The version of the chosen configuration: the one that `tune` registered, or a new one."""
    study = plan.study
    card = ModelCard(
        model=study.dataset.name,
        study=study.name,
        protocol=study.protocol,
        metric=study.metric,
        development_score=chosen.development_score,
        development_sd=chosen.development_sd,
        training="Trained on all development associations for the configuration's full budget; the"
        " sealed part was not trained on.",
        configuration=chosen.configuration.dotted(),
        calibration=trained.calibration,
    )
    found = find_version(card.model, version_tags(card, study.dataset))
    if found is not None:
        return found
    client, run_id = study.record.client, study.record.run_id
    waiting = register(
        run_id,
        study.dataset,
        trained.probability,
        card,
        checkpoint=checkpoint(trained, study.dataset),
    )
    client.set_tag(run_id, "confirmed_version", str(waiting.version))
    return waiting.version
