"""Which baselines a confirmation measures: the core ones in any case, and the study's own."""

from typing import Any

import pytest

from model.baselines.registry import core
from tuning.confirm import confirmation


@pytest.mark.parametrize(
    ("measured", "more"), [([], []), (["additive degree"], []), (["GISMMA", "gone"], ["GISMMA"])]
)
def test_the_core_ones_cannot_be_spared(
    measured: list[str], more: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by `--baselines none`, nor by a baseline of a package that is gone."""
    monkeypatch.setattr(
        confirmation, "_development_baselines", lambda study: dict.fromkeys(measured, 0.5)
    )
    study: Any = None
    assert confirmation.baselines_to_confirm(study) == (*core(), *more)
