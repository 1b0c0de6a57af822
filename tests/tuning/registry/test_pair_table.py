"""Ranked pairs with evidence, names and links."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from model.data.datasets import AssociationDataset
from model.data.kinds import DEFAULT_KINDS, Kind
from model.data.labels import labels_of
from model.errors import InputError
from tuning.registry.pair_table import as_text, check_out, evidence, known_data, pair_rows
from tuning.registry.ranking import Ranking, rank_pairs

ROWS, COLUMNS = ("mir-1", "mir-2", "mir-3"), ("a", "b")
KNOWN = np.array([[1, 0], [0, 1], [1, 1]])
ROW_SIMILARITY = np.array([[1, 0.2, 0.9], [0.2, 1, 0.5], [0.9, 0.5, 1]])
COLUMN_SIMILARITY = np.array([[1, 0.3], [0.3, 1]])
DATA = AssociationDataset("toy", ROWS, COLUMNS, KNOWN, ROW_SIMILARITY, COLUMN_SIMILARITY)


def ranking(top: int = 2) -> Ranking:
    pairs = pd.DataFrame(
        [
            {"mirna": row, "small_molecule": column, "probability": 0.9 - 0.1 * (2 * i + j)}
            | {"known": bool(KNOWN[i, j]), "rank": None if KNOWN[i, j] else 1 + i}
            for i, row in enumerate(ROWS)
            for j, column in enumerate(COLUMNS)
        ]
    )
    return Ranking(cast(Any, SimpleNamespace()), DEFAULT_KINDS, None, rank_pairs(pairs, top))


def test_evidence_is_what_is_known_around_a_pair() -> None:
    # (mir-1, b): b is known with mir-2 and mir-3, of which mir-3 is nearer; mir-1 with a.
    assert evidence(DATA, 0, 1) == {
        "mirna_degree": 1,
        "small_molecule_degree": 2,
        "nearest_mirna": "mir-3",
        "nearest_mirna_similarity": 0.9,
        "nearest_small_molecule": "a",
        "nearest_small_molecule_similarity": 0.3,
    }
    # A known pair is no evidence for itself: mir-1 is known with a alone.
    assert evidence(DATA, 0, 0)["nearest_small_molecule"] is None
    assert evidence(DATA, 0, 0)["nearest_mirna"] == "mir-3"


def test_rows_are_best_first_with_known_pairs_marked_and_links() -> None:
    rows = pair_rows(ranking(), DATA, None)
    assert [(row["mirna"], row["small_molecule"], row["rank"], row["known"]) for row in rows] == [
        ("mir-1", "a", None, True),
        ("mir-1", "b", 1, False),
        ("mir-2", "a", 2, False),
    ]
    assert rows[1]["mirna_link"] == "https://www.mirbase.org/results/?query=mir-1"
    assert "pubchem" in rows[1]["small_molecule_link"]
    assert "mirna_name" not in rows[1]
    assert "mirna_degree" not in pair_rows(ranking(), None, None)[0]


def test_names_and_links_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "dataset.yaml").write_text("links: ['https://x.org/{name}?a=1', null]\n")
    (tmp_path / "labels.csv").write_text('identifier,name\na,"Aspirin, pure"\n')
    row = pair_rows(ranking(), DATA, tmp_path)[1]
    assert row["mirna_link"] == "https://x.org/mir-1?a=1"
    assert "small_molecule_link" not in row
    assert row["small_molecule_name"] == "b"
    assert pair_rows(ranking(), DATA, tmp_path)[0]["small_molecule_name"] == "Aspirin, pure"
    kinds = (Kind("gene", "genes"), Kind("drug", "drugs"))
    assert labels_of(None, kinds).links == (None, None)
    (tmp_path / "labels.csv").write_text("id,label\n")
    with pytest.raises(InputError, match=r"labels\.csv.*first line"):
        labels_of(tmp_path, kinds)
    (tmp_path / "dataset.yaml").write_text("links: ['javascript:{name}', null]\n")
    with pytest.raises(InputError, match="links"):
        labels_of(tmp_path, kinds)


def test_files_by_their_ending(tmp_path: Path) -> None:
    rows = pair_rows(ranking(), DATA, None)
    for ending, delimiter in ((".csv", ","), (".tsv", "\t")):
        read = list(csv.DictReader(io.StringIO(as_text(rows, ending)), delimiter=delimiter))
        assert [one["known"] for one in read] == ["yes", "no", "no"]
        assert [one["rank"] for one in read] == ["", "1", "2"]
        assert [float(one["probability"]) for one in read] == pytest.approx([0.9, 0.8, 0.7])
    assert '"nearest_small_molecule": null' in as_text(rows, ".json")
    check_out(tmp_path / "pairs.CSV")
    for name, said in (("pairs.xlsx", "Excel opens a CSV"), ("pairs", "csv"), ("no/p.csv", "name")):
        with pytest.raises(InputError) as raised:
            check_out(tmp_path / name)
        assert said in raised.value.line()


def test_only_the_data_of_the_model_are_evidence(tmp_path: Path) -> None:
    from model.data.synthetic import demo

    tags = {"dataset": "demo", "data_hash": demo().content_hash}
    assert known_data(tags, None, tmp_path)[0] is not None
    assert known_data({**tags, "data_hash": "other"}, None, tmp_path) == (None, None)
    assert known_data({**tags, "dataset": "gone"}, None, tmp_path) == (None, None)
    with pytest.raises(InputError, match="trained on other data"):
        known_data({**tags, "data_hash": "other"}, "demo", tmp_path)


def test_a_compound_of_pubchem_is_linked_by_its_number() -> None:
    kinds = (Kind("mirna", "mirnas"), Kind("small_molecule", "small_molecules"))
    found = labels_of(None, kinds)
    compound = "https://pubchem.ncbi.nlm.nih.gov/compound/3229"
    assert [found.link(1, name) for name in ("CID:3229", "cid 3229")] == [compound, compound]
    assert found.link(1, "5-FU") == "https://pubchem.ncbi.nlm.nih.gov/#query=5-FU"
    assert "pubchem" not in found.link(0, "CID:3229")
