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
        for setting, field in type(way.settings).model_fields.items():
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


class TestInAFolder:
    """What is written fits the data, and passes `data check`."""

    @pytest.fixture
    def mine(self, tmp_path: Path) -> Path:
        folder = tmp_path / "mine"
        folder.mkdir()
        rng = np.random.default_rng(0)
        pairs = [f"g{g},d{d}" for g in range(12) for d in range(10) if rng.random() < 0.4]
        (folder / "associations.csv").write_text("\n".join(["gene,drug", *pairs]) + "\n")
        return folder

    @pytest.fixture
    def features(self, tmp_path: Path) -> Path:
        rng = np.random.default_rng(1)
        rows = [f"d{d},{','.join(map(str, rng.random(4)))}" for d in range(11)]
        path = tmp_path / "features.csv"
        path.write_text("\n".join(["drug,a,b,c,d", *rows]))
        return path

    def test_it_passes_data_check(
        self, run: Any, mine: Path, features: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        code, _, err = run("features", features, "--to", mine, "--kind", "Drugs")
        assert code == 0
        assert "1 drug without an association: d10" in err
        # Now only the genes have none.
        genes = features.with_name("genes.csv")
        genes.write_text(features.read_text().replace("\nd", "\ng") + "\ng11,1,2,3,4")
        assert run("features", genes, "--to", mine)[0] == 0
        code, out, _ = run_mmatune(capfd, "data", "check", mine, "--json")
        document = json.loads(out)
        assert (code, document["ok"], document["warnings"]) == (0, True, [])
        assert sorted(path.name for path in mine.iterdir()) == [
            "associations.csv",
            "drug_similarity.csv",
            "gene_similarity.csv",
        ]

    def test_things_without_a_description_are_all_named(
        self, run: Any, mine: Path, features: Path
    ) -> None:
        lines = features.read_text().splitlines()
        features.write_text("\n".join([lines[0], *lines[3:]]))
        code, _, err = run("features", features, "--to", mine, "--kind", "drug")
        assert code == 2
        assert sorted(err.splitlines()) == [
            f"error: mine: the drug 'd{d}' has associations, but is not among the 9 things"
            " described - describe it, or take its associations out"
            for d in (0, 1)
        ]
        assert [path.name for path in mine.iterdir()] == ["associations.csv"]

    @pytest.mark.parametrize("name", ["associations.csv", "copy.csv"])
    def test_the_associations_are_no_description(
        self, run: Any, mine: Path, tmp_path: Path, name: str
    ) -> None:
        source = mine / "associations.csv"
        if name != source.name:  # under another name it is found by what it makes
            source = tmp_path / name
            source.write_text((mine / "associations.csv").read_text())
        code, _, err = run("annotations", source, "--to", mine, "--kind", "gene")
        assert code == 2
        assert "so held-out associations are in it" in err or "holds the answer" in err
        assert [path.name for path in mine.iterdir()] == ["associations.csv"]

    def test_the_kind_is_asked_for_where_it_is_not_clear(
        self, run: Any, mine: Path, features: Path
    ) -> None:
        _, _, err = run("features", features, "--to", mine)
        assert "mine: both kinds lack a similarity - say whose this is: --kind gene or" in err
        _, _, err = run("features", features, "--to", mine, "--kind", "protein")
        assert "--kind: mine has no 'protein' - its kinds are gene and drug" in err


def test_a_folder_without_data_takes_it_by_kind(run: Any, table: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    assert run("smiles", table, "--to", folder, "--kind", "drug")[0] == 0
    assert [path.name for path in folder.iterdir()] == ["drug_similarity.csv"]
