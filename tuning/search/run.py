"""The search itself: Ray Tune runs the trials that Optuna suggests, ASHA stops the weak ones."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

from model.evaluation.protocols import Fold
from tuning.cluster.session import Resources
from tuning.cluster.shared_storage import study_storage
from tuning.ending import DEFAULT_METRIC, Ending, ending
from tuning.home import optuna_storage_url
from tuning.interrupt import interruptible
from tuning.libraries.ray_internals import retry_pending_trials, treat_oom_kill_as_actor_death
from tuning.live import LiveTable
from tuning.plan import StudyPlan
from tuning.record.study_record import StudyRecord
from tuning.search.callbacks import RecordTrials
from tuning.search.resumption import (
    RAY_FOLDER,
    Progress,
    mark_begun,
    requeue_untracked_trials,
    tracked_trials,
)
from tuning.search.snapshot import put_back_snapshot

# A trial that reports nothing for so long is killed: ten epochs of the largest networks that
# anybody searches on take minutes.
HANG_TIMEOUT_S = 1800.0

# A lost worker is no fault of the configuration, and one loss can count twice: Ray may start the
# trial once more on a machine that it does not know to be gone.
_MAX_FAILURES = 3


def search(
    plan: StudyPlan,
    folds: tuple[Fold, ...],
    record: StudyRecord,
    resources: Resources,
    table: LiveTable,
    progress: Progress | None = None,
) -> tuple[Sequence[Any], bool]:
    """Let Ray Tune run the trials.

    Args:
        progress: of a study that is resumed; its finished trials are not run again, the others go
            on from their last checkpoints.

    Returns:
        Tune's trials, and whether the user interrupted them.
    """
    # Ray reads its settings from the environment when it is imported: not before the session.
    import optuna
    from ray import tune

    from tuning.search.scheduler import StudyScheduler
    from tuning.search.searcher import StudySearch
    from tuning.search.trial import run_trial

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = study_storage(plan.name, plan.storage)
    folder = f"{storage}/{RAY_FOLDER}"
    resumed = progress is not None
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
        interruptible() as asked,
    ):
        if progress is not None:
            put_back_snapshot(plan.name, folder)
            progress = requeue_untracked_trials(plan.name, record, progress, tracked_trials(folder))
        searcher = StudySearch(
            plan.name,
            plan.space,
            sampler=plan.sampler,
            seed=plan.seed,
            storage_url=optuna_storage_url(),
            metric=plan.metric,
            resumed=resumed,
        )
        points = progress.points if progress else ()
        mark_begun(storage)
        # `tune.Tuner` would restore a pickled scheduler and pickled callbacks with its snapshot:
        # rungs that are empty, a record without a client. `tune.run` takes those that it is given.
        analysis = tune.run(
            tune.with_resources(trainable, tune.PlacementGroupFactory([resources.bundle])),
            name=RAY_FOLDER,
            storage_path=storage,
            resume=resumed,
            num_samples=plan.trials,
            search_alg=searcher,
            scheduler=StudyScheduler(plan.space, points, metric=plan.metric),
            callbacks=[RecordTrials(record, plan.space, table, progress, metric=plan.metric)],
            max_concurrent_trials=resources.at_once,
            reuse_actors=True,
            max_failures=_MAX_FAILURES,
            raise_on_failed_trial=False,
            checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
            verbose=0,
        )
    return analysis.trials, asked.is_set()


def pick_winner(trials: Sequence[Any], metric: str = DEFAULT_METRIC) -> Any | None:
    """The Tune trial with the best score at full budget, None where there is none.

    A trial that was stopped early cannot win, however well it stood when it was.
    """
    finished = [
        trial
        for trial in trials
        if trial.status == "TERMINATED" and ending(trial.last_result, metric) is Ending.FINISHED
    ]
    return max(finished, key=lambda trial: trial.last_result[metric], default=None)
