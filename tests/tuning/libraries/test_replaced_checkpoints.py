"""When a checkpoint that has been replaced is deleted: Ray Tune's bookkeeping and ours together."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ray import tune
from ray.train._internal.checkpoint_manager import _CheckpointManager
from ray.train._internal.session import _TrainingResult

from search_spaces.loading import load_space
from tuning.libraries.ray_internals import keep_replaced_checkpoints
from tuning.live import LiveTable
from tuning.search.callbacks import RecordTrials

pytestmark = pytest.mark.heavy


def test_a_checkpoint_stays_until_the_snapshot_that_names_the_next_one_is_kept(
    home: Path, tmp_path: Path
) -> None:
    """A driver may die between the two, and the last snapshot must name what is there."""
    checkpoints = _CheckpointManager(tune.CheckpointConfig(num_to_keep=1))
    staged, replaced = tmp_path / "staged", list[tuple[Any, str]]()
    staged.mkdir()
    record = RecordTrials(
        cast(Any, SimpleNamespace(tags={"study": "s"})),
        load_space("paper"),
        LiveTable("s", 1),
        replaced=replaced,
    )
    record._staged = staged

    def save(number: int) -> Path:
        folder = tmp_path / f"checkpoint_{number}"
        folder.mkdir()
        (folder / "weights").write_text("")
        saved = tune.Checkpoint.from_directory(folder)
        with keep_replaced_checkpoints(replaced):
            checkpoints.register_checkpoint(_TrainingResult(saved, {}))
        return folder

    first, second = save(1), save(2)
    assert first.exists()
    record.get_state()
    assert (first.exists(), second.exists()) == (False, True)
    third = save(3)
    assert second.exists()
    record.get_state()
    assert (second.exists(), third.exists()) == (False, True)
