"""The search itself: Ray Tune runs the trials that Optuna suggests, ASHA stops the weak ones."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from typing import Any

from model.evaluation.protocols import Fold
from tuning.cluster.session import Resources
from tuning.cluster.shared_storage import study_storage
from tuning.home import optuna_storage_url
from tuning.interrupt import interruptible
from tuning.libraries.ray_internals import (
    keep_replaced_checkpoints,
    retry_pending_trials,
    treat_oom_kill_as_actor_death,
)
from tuning.live import LiveTable
from tuning.plan import StudyPlan
from tuning.record.identity import RAY_FOLDER, mark_begun
from tuning.record.study_record import StudyRecord
from tuning.search.callbacks import RecordTrials
from tuning.search.resumption import (
    Progress,
    requeue_untracked_trials,
    tracked_trials,
    with_reports,
)
from tuning.search.snapshot import put_back_snapshot

# A trial that reports nothing for so long is killed: ten epochs of the largest networks that
# anybody searches on take minutes.
HANG_TIMEOUT_S = 1800.0

INTERRUPTED = "interrupted"  # a search that its user stopped

# A lost worker is no fault of the configuration, and one loss can count twice: Ray may start the
# trial once more on a machine that it does not know to be gone.
MAX_FAILURES = 3


def search(
    plan: StudyPlan,
    folds: tuple[Fold, ...],
    record: StudyRecord,
    resources: Resources,
    table: LiveTable,
    progress: Progress | None = None,
) -> str:
    """Let Ray Tune run the trials.

    Args:
        progress: of a study that is resumed; its finished trials are not run again, the others go
            on from their last checkpoints.

    Returns:
        Why it ended early, `INTERRUPTED` if the user asked for it; empty if it did not. What came
        of the trials is in the record.
    """
    # Ray reads its settings from the environment when it is imported: not before the session.
    import optuna
    from ray import tune

    from tuning.search.curves import Curves
    from tuning.search.limits import Deadline, Trials
    from tuning.search.scheduler import StudyScheduler
    from tuning.search.searcher import StudySearch
    from tuning.search.silence import WatchSilence
    from tuning.search.trial import run_trial

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = study_storage(plan.name, plan.storage)
    folder = f"{storage}/{RAY_FOLDER}"
    resumed = progress is not None
    replaced: list[tuple[Any, str]] = []
    trainable = tune.with_parameters(
        run_trial,
        dataset=plan.dataset,
        folds=folds,
        space=plan.space,
        seed=plan.seed,
        metric=plan.metric,
        hang_timeout_s=HANG_TIMEOUT_S,
    )
    with (
        # Ray Tune prints a banner to stdout, where only a command's one document belongs.
        redirect_stdout(io.StringIO()),
        treat_oom_kill_as_actor_death(),
        retry_pending_trials(),
        keep_replaced_checkpoints(replaced),
        interruptible() as asked,
    ):
        if progress is not None:
            put_back_snapshot(plan.name, folder)
            tracked = tracked_trials(folder)
            progress = requeue_untracked_trials(plan.name, record, progress, tracked)
            go_on = [trial for trial, ended in tracked.items() if not ended]
            progress = with_reports(record.client, record.experiment_id, progress, go_on)
        curves = Curves(plan.metric, progress)
        searcher = StudySearch(
            plan.name,
            plan.space,
            sampler=plan.sampler,
            seed=plan.seed,
            storage_url=optuna_storage_url(),
            metric=plan.metric,
            resumed=resumed,
            curves=curves,
            starts=[start.point for start in plan.start_points()],
        )
        silence = WatchSilence(resources, plan.name)
        points, deadline = progress.points if progress else (), Deadline(plan.time_budget_s)
        mark_begun(plan.name, storage)
        # `tune.Tuner` would restore a pickled scheduler and pickled callbacks with its snapshot:
        # rungs that are empty, a record without a client. `tune.run` takes those that it is given.
        tune.run(
            tune.with_resources(trainable, tune.PlacementGroupFactory([resources.bundle])),
            name=RAY_FOLDER,
            storage_path=storage,
            resume=resumed,
            num_samples=plan.trials,
            search_alg=Trials(
                searcher,
                number=plan.trials,
                at_once=resources.at_once,
                deadline=deadline,
                storage=storage,
            ),
            scheduler=StudyScheduler(
                plan.space, points, metric=plan.metric, curves=curves, deadline=deadline
            ),
            callbacks=[
                silence,
                RecordTrials(
                    record,
                    plan.space,
                    table,
                    progress,
                    metric=plan.metric,
                    starts=plan.start_points(),
                    curves=curves,
                    replaced=replaced,
                ),
            ],
            reuse_actors=True,
            max_failures=MAX_FAILURES,
            raise_on_failed_trial=False,
            checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
            verbose=0,
        )
    return INTERRUPTED if asked.is_set() else silence.reason
