"""`mmatune data similarity` as a user meets it."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.data.kinds import kind_of
from model.data.similarity.ways import WAYS
from model.data.similarity_file import read_similarity
from tests.tuning.commands_run import run_mmatune

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Any:
    return partial(run_mmatune, capfd, "data", "similarity")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "drugs.csv"
    path.write_text("drug,smiles\nethanol,CCO\nmethanol,CO\nphenol,c1ccccc1O\n")
    return path


def test_help_names_every_way_and_shows_an_example(run: Any) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert "Example: mmatune data similarity smiles drugs.csv" in out
    assert [way for way in WAYS if f"• {way} {WAYS[way].files[0]}" not in out] == []


def test_the_page_names_every_way_and_setting() -> None:
    page = (ROOT / "docs" / "similarity.md").read_text(encoding="utf-8")
    for name, way in WAYS.items():
        (section,) = re.findall(rf"^### `{name}`.*?(?=^##)", page, re.M | re.S)
        for setting, field in way.settings.model_fields.items():
            default = "" if field.default is None else f"={field.default}"
            assert f"`{setting}{default}`" in section or setting in ("names", "column")


def test_one_document_says_what_was_written(run: Any, table: Path, tmp_path: Path) -> None:
    code, out, err = run("smiles", table, "--to", tmp_path / "s.csv", "--set", "radius=3", "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    names, values = read_similarity(Path(document["file"]), kind_of("drug"))
    assert names == ["ethanol", "methanol", "phenol"]
    assert document["things"] == 3
    assert document["settings"] == {"names": None, "column": None, "radius": 3, "bits": 2048}
    between = values[np.triu_indices(3, k=1)]
    assert document["mean_between"] == pytest.approx(between.mean())
    assert document["largest_between"] == between.max()
    assert any("radius 3" in line for line in document["said"])


def test_a_reader_is_told_the_same(run: Any, table: Path, tmp_path: Path) -> None:
    code, out, err = run("smiles", table, "--to", tmp_path / "s.csv")
    assert (code, out) == (0, "")
    assert "names from the column 'drug'" in err
    assert f"wrote {tmp_path / 's.csv'}: 3 x 3" in err


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["smile", "drugs.csv", "--to", "s.csv"], "unknown way to a similarity 'smile'"),
        (["smiles", "none.csv", "--to", "s.csv"], "there is no such file"),
        (["smiles", "drugs.csv", "--to", "drugs.csv"], "drugs.csv: exists"),
        (["smiles", "drugs.csv", "--to", "s.csv", "--set", "radius=x"], "--set radius=x"),
        (["kmers", "drugs.csv", "--to", "s.csv"], "no column is headed 'sequence'"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(
    run: Any,
    table: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    shown: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert shown in err
    assert err.count("\n") == 1
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_every_unreadable_row_is_an_error_of_the_document(
    run: Any, table: Path, tmp_path: Path
) -> None:
    table.write_text("drug,smiles\na,XX\nb,YY\nc,C\n")
    code, out, _ = run("smiles", table, "--to", tmp_path / "s.csv", "--json")
    document = json.loads(out)
    assert code == 2
    assert len(document["others"]) == 1
    assert not (tmp_path / "s.csv").exists()
