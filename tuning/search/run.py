"""The search itself: Ray Tune runs the trials that Optuna suggests, ASHA stops the weak ones."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

from model.evaluation.protocols import Fold
from tuning.cluster.session import Resources
from tuning.cluster.shared_storage import study_storage
from tuning.ending import METRIC, Ending, ending
from tuning.home import optuna_storage_url
from tuning.interrupt import interruptible
from tuning.live import LiveTable
from tuning.plan import StudyPlan
from tuning.record.recorder import StudyRecord
from tuning.search.callbacks import RecordTrials
from tuning.libraries.ray_patches import killed_for_memory_is_dead
from tuning.search.resumption import RAY_FOLDER, Progress, begin_unknown_anew
from tuning.search.snapshot import put_back_snapshot
from tuning.search.waiting_trials import waiting_trials_are_tried_again

# Seconds without a report after which a trial is killed: ten epochs of the largest networks that
# anybody searches on take minutes.
_PATIENCE = 1800.0


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
        progress: of a study that is gone on with; its finished trials are not run again, the
            others go on from their last checkpoints.

    Returns:
        Tune's trials, in the order they were suggested, and whether the user interrupted them.
    """
    # Ray reads its settings from the environment when it is imported: not before the session.
    import optuna
    from ray import tune

    from tuning.search.scheduler import StudyScheduler
    from tuning.search.searcher import StudySearch
    from tuning.search.trial import run_trial

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    trainable = tune.with_parameters(
        run_trial,
        dataset=plan.dataset,
        folds=folds,
        space=plan.space,
        seed=plan.seed,
        patience=_PATIENCE,
    )
    trainable = tune.with_resources(trainable, tune.PlacementGroupFactory([resources.bundle]))
    storage = study_storage(plan.name, plan.storage)
    # Ray Tune prints a banner to stdout, where only a command's one document belongs.
    with (
        redirect_stdout(io.StringIO()),
        killed_for_memory_is_dead(),
        waiting_trials_are_tried_again(),
        interruptible() as asked,
    ):
        if progress:
            put_back_snapshot(plan.name, f"{storage}/{RAY_FOLDER}")
            tuner = tune.Tuner.restore(f"{storage}/{RAY_FOLDER}", trainable)
            restored: Any = tuner._local_tuner
            known = {trial.trial_id for trial in restored._experiment_analysis.trials}
            progress = begin_unknown_anew(plan.name, record, progress, known)
            callback = RecordTrials(record, plan.space, table, progress)
            # Ray Tune would take the pickled ones: rungs that are empty, a record without a client.
            restored._tune_config.scheduler = StudyScheduler(plan.space, progress.points)
            restored._run_config.callbacks = [callback]
            tuner.fit()
            return callback.trials, asked.is_set()
        callback = RecordTrials(record, plan.space, table)
        tuner = tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                search_alg=StudySearch(
                    plan.name,
                    plan.space,
                    sampler=optuna.samplers.TPESampler(seed=plan.seed),
                    storage_url=optuna_storage_url(),
                ),
                scheduler=StudyScheduler(plan.space),
                num_samples=plan.trials,
                max_concurrent_trials=resources.at_once,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name=RAY_FOLDER,
                storage_path=storage,
                callbacks=[callback],
                verbose=0,
                # A lost worker is no fault of the configuration, and one loss can count twice: Ray
                # may start the trial once more on a machine that it does not know to be gone.
                failure_config=tune.FailureConfig(max_failures=3),
                checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
            ),
        )
        tuner.fit()
    return callback.trials, asked.is_set()


def pick_winner(trials: Sequence[Any]) -> Any | None:
    """The Tune trial with the best score at full budget, None where there is none.

    A trial that was stopped early cannot win, however well it stood when it was.
    """
    finished = [
        trial
        for trial in trials
        if trial.status == "TERMINATED" and ending(trial.last_result) is Ending.FINISHED
    ]
    return max(finished, key=lambda trial: trial.last_result[METRIC], default=None)
