"""`mmatune data import` as a user meets it: said before it is written, whole or not at all."""

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from model.data.importing import writing
from model.data.similarity.absence import is_absent
from model.data.user_data import load_user_folder
from tests.model.data.importing.network import NAMED, SIMILARITIES, text
from tests.tuning.commands_run import run_mmatune


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Any:
    return partial(run_mmatune, capfd, "data")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "as it came"
    folder.mkdir()
    for name, content in SIMILARITIES.items():
        (folder / name).write_text(content)
    (folder / "known.csv").write_text(text([("gene", "drug"), *NAMED, NAMED[0]], ","))
    return folder


def test_it_says_what_it_understood_then_writes(run: Any, sources: Path, tmp_path: Path) -> None:
    code, out, err = run("import", sources, "--to", tmp_path / "my data")
    assert (code, out) == (0, "")
    said = [line for line in err.splitlines() if not line.startswith("warning")]
    assert said == [
        "associations: known.csv, a list of 7 pairs of names, under the header gene, drug: 6 known"
        " pairs of 5 x 3, gene by drug",
        "gene: 5, names from gene_similarity.csv, similarity from gene_similarity.csv; 1 without an"
        " association",
        "drug: 3, names from drug_similarity.csv, similarity from drug_similarity.csv",
        "changed: pairs that stand several times were taken once (1 repetitions)",
        f"wrote {tmp_path / 'my data'}; check it with `mmatune data check '{tmp_path}/my data'`",
    ]
    description = (tmp_path / "my data" / "dataset.yaml").read_text()
    digest = hashlib.sha256((sources / "known.csv").read_bytes()).hexdigest()
    assert f"- file: known.csv\n  sha256: {digest}\n" in description
    assert "- pairs that stand several times were taken once (1 repetitions)" in description


def test_one_side_may_have_no_similarity(run: Any, sources: Path, tmp_path: Path) -> None:
    (sources / "drug_similarity.csv").unlink()
    code, _, err = run("import", sources, "--to", tmp_path / "new")
    assert code == 0
    assert "drug: 3, names from known.csv, no similarity: known by their associations alone" in err
    assert "no similarity of the drugs is given" in err
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "associations.csv",
        "dataset.yaml",
        "drug_names.txt",
        "gene_similarity.csv",
    ]
    again = load_user_folder(tmp_path / "new")
    assert is_absent(again.column_similarity)
    assert not is_absent(again.row_similarity)


def test_a_large_side_may_not(
    run: Any, sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "LARGEST", 2)
    (sources / "drug_similarity.csv").unlink()
    code, _, err = run("import", sources, "--to", tmp_path / "new")
    assert code == 2
    assert "no similarity of 3 drug is among the sources; without one there can be 2 at most" in err
    assert not (tmp_path / "new").exists()


def test_the_document(run: Any, sources: Path, tmp_path: Path) -> None:
    code, out, err = run("import", sources, "--to", tmp_path / "new", "--json")
    assert (code, err) == (0, "")
    made = json.loads(out)
    assert made["kinds"] == ["gene", "drug"]
    assert (made["rows"], made["columns"], made["associations"]) == (5, 3, 6)
    assert len(made["understood"]) == 3
    assert len(made["changes"]) == 1
    assert [row["file"] for row in made["source"]] == [
        "drug_similarity.csv",
        "gene_similarity.csv",
        "known.csv",
    ]
    shown = json.loads(run("show", tmp_path / "new", "--json")[1])
    assert shown["data_hash"] == made["data_hash"]


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("--kinds", "gene"), "--kinds: 'gene' is not two kinds"),
        (("--kinds", "gene,Gene"), "--kinds: 'gene,Gene' is not two kinds"),
        (("--columns", "1"), "--columns: '1' is not two or three columns"),
        (("--columns", "1,2"), "--columns 1,2: it cannot be seen of which file they are"),
        (("--threshold", "high"), "--threshold: 'high' is no number"),
        (("--names", "genes.txt"), "--names: 'genes.txt' names no kind and file"),
        (("--similarity", "drug=none.csv"), "--similarity drug=none.csv: is none of the sources"),
        (("--kinds", "drug,gene", "--transpose"), ""),
        (("--kinds", "gene,drug", "--transpose"), "the associations are of gene by drug"),
        (("--index-base", "2"), "--index-base"),
    ],
)
def test_what_cannot_be_is_one_line_and_writes_nothing(
    arguments: tuple[str, ...], shown: str, run: Any, sources: Path, tmp_path: Path
) -> None:
    code, out, err = run("import", sources, "--to", tmp_path / "new", *arguments)
    if not shown:
        assert code == 0
        return
    assert (code, out) == (2, "")
    assert shown in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["as it came"]


def test_a_folder_that_is_there_stays(run: Any, sources: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in sources.iterdir()}
    code, _, err = run("import", sources, "--to", sources)
    assert (code, "is not an empty folder" in err) == (2, True)
    assert {path: path.read_bytes() for path in sources.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["as it came"]


def test_all_problems_come_together(run: Any, sources: Path, tmp_path: Path) -> None:
    (sources / "known.csv").write_text("gene,drug,score\nBRCA1,taxol,0.5\nXYZ,taxol,2\n")
    skewed = SIMILARITIES["drug_similarity.csv"].replace("0.25", "0.5", 1)
    (sources / "drug_similarity.csv").write_text(skewed)
    code, out, _ = run("import", sources, "--to", tmp_path / "new", "--json")
    document = json.loads(out)
    assert code == 2
    told = [document["error"], *document["others"]]
    assert len(told) == 3
    for part, flag in zip(told, ("--threshold", "--drop-unlisted", "--symmetrise"), strict=True):
        assert flag in part["hint"]


def test_help_shows_an_example(run: Any) -> None:
    code, out, _ = run("import", "--help")
    assert code == 0
    assert "Example: mmatune data import" in out


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("hmdad", ()),
        ("hmdd2", ()),
        ("yamanishi_nr", ("--kinds", "target,drug", "--symmetrise")),
        ("yamanishi_gpcr", ("--kinds", "target,drug", "--symmetrise")),
    ],
)
def test_public_sets_as_delivered_take_one_line(
    name: str, flags: tuple[str, ...], run: Any, shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "foreign" / name
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}")
    code, _, err = run("import", folder, "--to", tmp_path / name, *flags)
    assert code == 0
    assert f"wrote {tmp_path / name}" in err
    code, _, err = run("check", tmp_path / name)
    faults = [line for line in err.splitlines() if line.startswith("error: ")]
    if name == "hmdad":  # whose similarities are made of the associations
        assert code == 2
        assert len(faults) == 2
        assert all("Gaussian interaction profile kernel" in fault for fault in faults)
    else:
        assert (code, faults) == (0, [])
