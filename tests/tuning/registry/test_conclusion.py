"""The sentence that every view shows after a confirmation."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from tuning.registry.conclusion import conclusion, tied_with_best
from tuning.registry.verdict import Measured, decide, summary_row


def measured(name: str, mean: float, spread: float, kind: Any = "baseline") -> Measured:
    """Ten folds with their own noise, of exactly this mean."""
    noise = np.random.default_rng(len(name)).normal(0, spread, 10)
    score = mean + noise - noise.mean()
    return Measured(name, kind, score, score, None, 0.9, weights=1)


def document(splits: int = 2, **baselines: tuple[float, float]) -> dict[str, Any]:
    found = [measured("trial-1", 0.9, 0.001, "trial")]
    found += [measured(name, *mean_and_spread) for name, mean_and_spread in baselines.items()]
    rows = sorted((summary_row(one, 0.25) for one in found), key=lambda row: -row["confirmed_auc"])
    verdict = asdict(decide(found, 0.25))
    return {"study": "s", "metric": "auc", "splits": splits, "rows": rows, **verdict}


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (
            document(ridge=(0.8, 0.01), degree=(0.7, 0.01)),
            ["trial-1 is 0.1000 AUC ahead of ridge, the best baseline (p ", "use the model."],
        ),
        (
            document(ridge=(0.89, 0.05), degree=(0.7, 0.01)),
            [
                "is 0.0100 AUC ahead of ridge",
                "but 2 fresh splits cannot tell them apart: try `mmatune confirm s --splits 10`",
            ],
        ),
        (
            document(splits=10, ridge=(0.89, 0.05)),
            ["but 10 fresh splits cannot tell them apart: try a further search"],
        ),
        (
            document(ridge=(0.91, 0.05)),
            ["is 0.0100 AUC behind ridge", "cannot tell them apart: use ridge, or try `mmatune "],
        ),
        (
            document(splits=1, ridge=(0.95, 0.01)),
            ["is 0.0500 AUC behind ridge", "; one fresh split tells them apart: use ridge, or sea"],
        ),
        (
            document(ridge=(0.8, 0.01), degree=(0.79, 0.2)),
            ["tell them apart, though not from degree: use the model."],
        ),
        (document(), ["No baseline was measured beside trial-1"]),
    ],
)
def test_how_far_how_sure_and_what_to_do(made: dict[str, Any], said: list[str]) -> None:
    sentence = conclusion(made)
    for part in said:
        assert part in sentence
    assert sentence.count(". ") == 0  # one sentence


def test_baselines_are_among_what_is_tied() -> None:
    made = document(ridge=(0.89, 0.05), degree=(0.7, 0.01))
    assert list(made["tied"]) == tied_with_best(made) == ["trial-1", "ridge"]
    # Version 0.2.0 left them out of what it recorded.
    assert tied_with_best({**made, "tied": ["trial-1"]}) == ["trial-1", "ridge"]
