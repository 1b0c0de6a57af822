"""What `mmatune confirm` shows: made-up results in a terminal of 80 columns."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from model.baselines.registry import BASELINES
from model.data.synthetic import demo
from tests.tuning.registry.verdicts import measured
from tuning.commands import confirm
from tuning.confirm.confirmation import Confirmation
from tuning.confirm.optimism import optimism
from tuning.record.leaderboard import PUBLISHED
from tuning.registry.conclusion import conclusion
from tuning.registry.verdict import decide, summary_row
from tuning.registry.versions import Registration


def result() -> Any:
    published = f"trial-001{PUBLISHED}"
    everyone = [measured("trial-012", 0.9, 90_000), measured(published, 0.899, 2000)]
    everyone += [measured(name, 0.8, kind="baseline") for name in BASELINES]
    rows = sorted(
        (summary_row(one, 0.25) for one in everyone), key=lambda row: -row["confirmed_auc"]
    )
    protocol = SimpleNamespace(name="random")
    study = SimpleNamespace(name="a-study", dataset=demo(), protocol=protocol, metric="auc")
    return Confirmation(
        plan=cast(Any, SimpleNamespace(study=study, splits=5)),
        rows=rows,
        fold_scores={},
        verdict=decide(everyone, 0.25),
        optimism=optimism(everyone[0], everyone, 5),
        sealed=None,
        opened=0,
        opened_by_others=[],
        registration=Registration("demo", 1, False, "no reason"),
        refit=None,
    )


def test_scores_are_whole_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(width=80)
    monkeypatch.setattr(confirm, "console", console)
    made = result()
    with console.capture() as capture:
        confirm._show(made)
    shown = capture.get()
    assert "…" not in shown
    table = shown.partition("protocol random")[2].split("Statistically")[0].splitlines()
    text = " ".join(shown.split())
    assert (
        "Within 0.002 of the best mean (seconds a model): trial-012 (90,000 weights, 1.0 s)" in text
    )
    assert f"with the fewest weights: trial-001{PUBLISHED}." in text
    assert "the winner's score moves by -0.0200 ± 0.0" in text
    assert "which no search chose, move by -0.0200 ± 0.0" in text
    assert text.startswith(" ".join(conclusion(made.document()).split()))
    assert "Next: mmatune predict demo/1 --all --out pairs.csv" in text
    for row in made.rows:
        name = row["name"]
        line = next(line for line in table if line.startswith(name) and line[len(name)] == " ")
        assert f"{row['confirmed_auc']:.4f} ± {row['standard_error']:.4f}" in line
        assert f"{row['ap']:.4f} ± {row['ap_standard_error']:.4f}" in line
    by_name = {one.name: one for one in made.verdict.comparisons}
    (line,) = (line for line in table if line.startswith("gradient boosting"))
    compared = by_name["gradient boosting"]
    # Plus is better in every table: this row is worse than the best one.
    assert line.split()[-2:] == [f"{-compared.difference:+.4f}", f"{compared.p_holm:.2g}"]
    assert compared.difference > 0


def test_the_chosen_one_has_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    made = result()
    assert made.verdict.chosen == f"trial-001{PUBLISHED}" != made.verdict.best
    row = next(row for row in made.rows if row["name"] == made.verdict.chosen)
    baseline = next(row for row in made.rows if row["kind"] == "baseline")
    line = confirm._chosen_line(made)
    assert f"AUC {row['confirmed_auc']:.4f} ± {row['standard_error']:.4f}" in line
    assert f"AP (1:1) {row['ap']:.4f} ± {row['ap_standard_error']:.4f}" in line
    assert f"{row['confirmed_auc'] - baseline['confirmed_auc']:+.4f} AUC from" in line
    assert baseline["name"] in line
