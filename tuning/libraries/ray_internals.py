"""Ray's private names: all that the project uses, and why no public one would do.

Written for Ray 2.60. `REQUIRED` says what a version must have; a test checks the installed one.
Ray is imported inside functions, because it reads the environment that `ray_session` sets first.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from tuning.libraries.private_names import Check, mentions, takes

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

# Methods of Ray's `Node` that start a process which a session of one machine does not need.
_IDLE_SERVICES = ("start_api_server", "start_log_monitor", "start_monitor")

# In the line of Ray's message about a kill that says how much memory was used; advice follows it.
LOW_MEMORY = "running low on memory"


@contextmanager
def listen_on_loopback() -> Iterator[None]:
    """A Ray runtime that starts in here listens on 127.0.0.1 only.

    We set ENABLE_RAY_CLUSTER=False, as Ray does itself on macOS and Windows. On Linux Ray binds to
    all interfaces without a password, and replaces a loopback address that `ray.init` is given by
    the outer one. The environment variable for this is read only when Ray is imported.
    """
    from ray._private import ray_constants

    with patch.object(ray_constants, "ENABLE_RAY_CLUSTER", False):
        yield


@contextmanager
def without_idle_services() -> Iterator[None]:
    """A Ray runtime that starts in here starts no API server, log monitor or autoscaler.

    A session of one machine needs none of them: nobody opens its dashboard, a worker's output is
    not shown, and no machine can be added. Each is a process that takes half a second to a second
    of processor at every start. `ray.init` has no option for the last two, and starts the API
    server even with ``include_dashboard=False``.
    """
    from ray._private.node import Node

    def start_nothing(node: Any, **options: Any) -> None:
        pass

    with ExitStack() as patches:
        for service in _IDLE_SERVICES:
            patches.enter_context(patch.object(Node, service, start_nothing))
        yield


@contextmanager
def treat_oom_kill_as_actor_death() -> Iterator[None]:
    """Fail only the trial whose process Ray's memory monitor kills.

    The monitor reports a kill as OutOfMemoryError. Ray Tune expects errors of actors and tasks
    only, so it takes this one for a fault of its own and ends the whole search. Tune has no
    setting or callback for that.
    """
    from ray.air.execution._internal.actor_manager import RayActorManager
    from ray.exceptions import OutOfMemoryError, RayActorError

    manager_class: Any = RayActorManager
    handle = manager_class._actor_task_failed

    def handle_kill(manager: Any, tracked_actor_task: Any, exception: Exception) -> None:
        if isinstance(exception, OutOfMemoryError):
            exception = RayActorError(error_msg=str(exception))
        handle(manager, tracked_actor_task, exception)

    with patch.object(manager_class, "_actor_task_failed", handle_kill):
        yield


@contextmanager
def retry_pending_trials() -> Iterator[None]:
    """Retry trials that fail while PENDING: Ray Tune applies `max_failures` to RUNNING ones only.

    A trial may be sent to a machine that has just died. When that fails it becomes PENDING, and may
    be sent there once more before Ray knows. Tune has no setting for that second failure.
    """
    from ray.tune.execution.tune_controller import TuneController
    from ray.tune.experiment import Trial

    controller_class: Any = TuneController
    handle = controller_class._process_trial_failure

    def handle_as_running(controller: Any, trial: Any, exception: Exception) -> None:
        if trial.status == Trial.PENDING:
            controller._set_trial_status(trial, Trial.RUNNING)
        handle(controller, trial, exception)

    with patch.object(controller_class, "_process_trial_failure", handle_as_running):
        yield


@contextmanager
def keep_replaced_checkpoints(replaced: list[tuple[Any, str]]) -> Iterator[None]:
    """Checkpoints that Ray Tune would delete in here are added to a list, and stay.

    Tune deletes a trial's checkpoint when it has a newer one, and only then writes the snapshot
    that names the newer one. If the driver dies in between, the last snapshot names a checkpoint
    that is gone, and the trial fails when the search is resumed. No setting changes that order.

    Args:
        replaced: the pyarrow file system and the path of each; see `delete_replaced`.
    """
    from ray.train._internal import checkpoint_manager

    def keep(fs: Any, fs_path: str) -> None:
        replaced.append((fs, fs_path))

    with patch.object(checkpoint_manager, "_delete_fs_path", keep):
        yield


def save_trial_state(controller: Any, trial: Any) -> None:
    """Put a trial's state into Ray Tune's next snapshot.

    Tune omits a trial whose process died, and would run it again after a restore. A scheduler has
    no public way to ask for it.
    """
    controller._mark_trial_to_checkpoint(trial)


def reuse_process(controller: Any, reuse: bool) -> None:
    """Whether the next trial gets the process of the trial that has just ended.

    Ray Tune reads this after each call of the scheduler's `on_trial_complete`. The public
    `reuse_actors` holds for a whole search.
    """
    controller._reuse_actors = reuse


def pause_new_trials(controller: Any) -> None:
    """Start no new trial until `allow_new_trials`; running ones go on.

    The public TUNE_MAX_PENDING_TRIALS_PG is read once, when the search starts.
    """
    controller._max_pending_trials = 0


def allow_new_trials(controller: Any) -> None:
    """Start as many trials at once as the search asks for.

    Args:
        controller: as `choose_trial_to_run` gets it: Ray Tune's wrapper, which hands on reads only.
    """
    controller._tune_controller.update_max_pending_trials()


def moved_experiment(experiment: Any, filesystem: FileSystem, root: str) -> Any:
    """The experiment of a restored search, whose trials to come are to be kept in another place.

    Ray Tune gives trials that it restores the storage of now, but those that it makes afterwards
    that of the pickled experiment: they would write to where the folder was before it was moved.

    Args:
        experiment: as `SearchGenerator.set_state` gets it.
        filesystem: of the storage.
        root: its path there.
    """
    storage = experiment.spec["storage"]
    storage.storage_filesystem, storage.storage_fs_path = filesystem, root
    return experiment


def trial_number(trial: Any) -> int:
    """The place of a trial in the order of suggestions, from 1.

    Ray Tune's `experiment_tag` begins with it ("3_mask.rate=0.5"). Its list of trials is in another
    order after a restore.
    """
    return int(trial.experiment_tag.split("_")[0])


def job_of_placement_group(group_id: str) -> str:
    """The job that asked for a placement group, both ids in hexadecimal.

    The last four bytes of the group's id are its job's. The public table of placement groups does
    not name the job, and Ray's state API needs the dashboard, which may not run.
    """
    return group_id[-8:]


def check_with_launcher(cluster: dict[str, Any]) -> None:
    """Have Ray's cluster launcher check a cluster file, as `ray up` does before it starts anything.

    There is no public function for the check alone.

    Raises:
        ImportError: the launcher is not installed.
        jsonschema.ValidationError, ValueError, TypeError, KeyError, AttributeError,
        click.ClickException: the file is refused.
    """
    from ray.autoscaler._private.util import prepare_config, validate_config

    # It fills in defaults in place, and prints a warning for every mounted file.
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        validate_config(prepare_config(copy.deepcopy(cluster)))


_CONTROLLER = "ray.tune.execution.tune_controller.TuneController"
_MANAGER = "ray.air.execution._internal.actor_manager.RayActorManager"
_NODE = "ray._private.node.Node"
_LAUNCHER = "ray.autoscaler._private.util"

REQUIRED: dict[str, Check] = {
    "ENABLE_RAY_CLUSTER makes Ray listen on loopback": mentions(
        "ray._private.services.get_node_ip_address",
        "if not ray_constants.ENABLE_RAY_CLUSTER:",
        "return get_localhost_ip()",
    ),
    "Node starts the API server and the monitor, and uses neither": mentions(
        f"{_NODE}.start_head_processes", "self.start_monitor()", "self.start_api_server("
    ),
    "Node starts the log monitor, and does not use it": mentions(
        f"{_NODE}.start_ray_processes", "self.start_log_monitor()"
    ),
    f"{_MANAGER}._actor_task_failed": takes(
        f"{_MANAGER}._actor_task_failed", "self", "tracked_actor_task", "exception"
    ),
    f"{_CONTROLLER}._process_trial_failure": takes(
        f"{_CONTROLLER}._process_trial_failure", "self", "trial", "exception"
    ),
    f"{_CONTROLLER}._set_trial_status": takes(
        f"{_CONTROLLER}._set_trial_status", "self", "trial", "status"
    ),
    f"{_CONTROLLER}._mark_trial_to_checkpoint": takes(
        f"{_CONTROLLER}._mark_trial_to_checkpoint", "self", "trial"
    ),
    f"{_CONTROLLER}._reuse_actors is read when a trial ends": mentions(
        f"{_CONTROLLER}._maybe_cache_trial_actor", "if not self._reuse_actors:"
    ),
    f"{_CONTROLLER}._max_pending_trials bounds new trials": mentions(
        f"{_CONTROLLER}._maybe_update_trial_queue",
        "while len(self._pending_trials) < self._max_pending_trials:",
    ),
    f"{_CONTROLLER}.update_max_pending_trials": takes(
        f"{_CONTROLLER}.update_max_pending_trials", "self", "max_pending_trials"
    ),
    "TrialRunnerWrapper._tune_controller": mentions(
        "ray.tune.execution.tune_controller.TrialRunnerWrapper.__init__",
        "self._tune_controller = tune_controller",
    ),
    "Ray Tune deletes a replaced checkpoint by a function of that module": mentions(
        "ray.train._internal.checkpoint_manager._CheckpointManager.register_checkpoint",
        "_delete_fs_path(fs=checkpoint.filesystem, fs_path=checkpoint.path)",
    ),
    "callbacks are asked for their state after a snapshot is written": mentions(
        f"{_CONTROLLER}.save_to_dir", "json.dump(", "self._callbacks.save_to_dir("
    ),
    "a search makes trials with the storage of its pickled experiment": mentions(
        "ray.tune.search.search_generator.SearchGenerator.set_state",
        'self._experiment = state["experiment"]',
    ),
    "an experiment's storage is in its specification": mentions(
        "ray.tune.experiment.experiment.Experiment.__init__", '"storage": self.storage'
    ),
    "experiment_tag begins with a trial's number": mentions(
        "ray.tune.search.search_generator.SearchGenerator.create_trial_if_possible",
        "self._counter += 1",
        'tag = "{0}_{1}".format(str(self._counter)',
        "experiment_tag=tag",
    ),
    "Ray Tune stops in order on SIGUSR1, and leaves SIGINT alone when told to": mentions(
        "ray.tune.tune._setup_signal_catching", "TUNE_DISABLE_SIGINT_HANDLER", "signal.SIGUSR1"
    ),
    "a placement group's id ends with its job's": lambda: _group_id_ends_with_job_id(),
    f"{_LAUNCHER}.prepare_config": takes(f"{_LAUNCHER}.prepare_config", "config"),
    f"{_LAUNCHER}.validate_config": takes(f"{_LAUNCHER}.validate_config", "config"),
    f"the raylet says {LOW_MEMORY!r}": lambda: LOW_MEMORY.encode() in _raylet(),
    "the raylet reads RAY_worker_niceness": lambda: b"worker_niceness" in _raylet(),
}


def _group_id_ends_with_job_id() -> bool:
    from ray._raylet import JobID, PlacementGroupID

    job = JobID.from_int(7)
    return job_of_placement_group(PlacementGroupID.of(job).hex()) == str(job.hex())


def _raylet() -> bytes:
    import ray

    return (Path(ray.__file__).parent / "core/src/ray/raylet/raylet").read_bytes()
