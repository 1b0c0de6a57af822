"""The bench of strategies: fair to each, honest about luck, one document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import InputError
from tests.tuning.bench.curves.test_surrogate import made_up
from tests.tuning.commands_run import run_mmatune
from tuning.bench.curves import search
from tuning.bench.curves.recorded import write_curves
from tuning.bench.curves.search import RECORDED, SURROGATE, Job, bench_search, run_search
from tuning.bench.curves.strategies import CROSSED, NEVER, RULES, SHIPPED, rules_for
from tuning.commands.bench.searching import show_searches
from tuning.search.samplers import SAMPLERS

pytestmark = pytest.mark.heavy


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A made-up recording in the place of the shipped ones, in this process."""
    read = search.read_curves
    write_curves(made_up(noise=0.1), tmp_path / "made-up.npz")
    monkeypatch.setattr(search, "read_curves", lambda name: read(name, tmp_path))
    yield "made-up"
    for cached in (search._curves, search._surrogate, search._level, search._random_compute):
        cached.cache_clear()


def ratios(recording: str, source: str, sampler: str, seeds: int = 15) -> list[float]:
    return [run_search(Job(recording, source, sampler, NEVER, 4, seed))[0] for seed in range(seeds)]


@pytest.mark.parametrize("source", [SURROGATE, RECORDED])
def test_a_strategy_that_learns_needs_less_than_luck(recording: str, source: str) -> None:
    luck, learnt = (ratios(recording, source, sampler) for sampler in ("random", "curve-gp"))
    assert np.median(luck) > 0.3  # or it would draw what set the level
    assert np.median(learnt) < 0.7 * np.median(luck)


def test_the_same_seed_gives_the_same_search(recording: str) -> None:
    for sampler in ("random", "tpe", "curve-gp"):
        first, again, other = (
            run_search(Job(recording, SURROGATE, sampler, SHIPPED, 4, seed)) for seed in (1, 1, 2)
        )
        assert first == again != other


def test_the_rules_are_for_samplers_there_are() -> None:
    assert CROSSED.keys() <= {*SAMPLERS}
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert rules_for("gp") == rules_for("of somebody else") == (SHIPPED,)


def test_too_few_points_and_unknown_names_are_refused() -> None:
    def bench(recording: str, sampler: str) -> None:
        bench_search(
            recording,
            samplers=[sampler],
            places=[1],
            seeds=1,
            processes=1,
            progress=lambda done, total: None,
        )

    with pytest.raises(InputError, match="hmdd2 has 60 points"):
        bench("hmdd2", "random")
    with pytest.raises(InputError, match="unknown sampler 'tep'"):
        bench("dataset2", "tep")
    with pytest.raises(InputError, match="'nowhere'"):
        bench("nowhere", "random")


def test_the_command_prints_a_document_and_a_table(capfd: pytest.CaptureFixture[str]) -> None:
    asked = ("bench", "search", "--recording", "gpcr", "--sampler", "random", "--seeds", "3")
    code, out, _ = run_mmatune(capfd, *asked, "--places", "4", "--json")
    assert code == 0
    result: dict[str, Any] = json.loads(out)
    assert [one["rule"]["name"] for one in result["searches"]] == 2 * [rule.name for rule in RULES]
    for one in result["searches"]:
        assert one["places"] == 4
        assert len(one["ratio"]) == 3
    assert 0.5 < result["surrogate"]["rank_correlation"] < 1
    assert 0.9 < result["level"][RECORDED][1] < 1

    show_searches(result, "gpcr")
    shown = " ".join(capfd.readouterr().err.split())
    assert "to the end" in shown
    assert "of held-out ones it explains" in shown
