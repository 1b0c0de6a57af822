"""Every way to a similarity keeps its contract, and the contract finds faults."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.data.similarity.interface import Similarity
from model.data.similarity.ways import WAYS
from model.errors import InputError
from tests.contracts.similarity import SimilarityContract

ROWS = ",a,b,c,d\na,1,0.2,0.4,0\nb,0.2,1,0,0\nc,0.4,0,1,0.5\nd,0,0,0.5,1\n"
SEQUENCES = "name,sequence\na,MKVLAAG\nb,MKVLSAG\nc,GGWYFF\nd,MKWYFF\n"
EXAMPLES = {
    "smiles": [("t.csv", "name,smiles\na,CCO\nb,CCN\nc,c1ccccc1O\nd,c1ccccc1\n")],
    "alignment": [("t.csv", SEQUENCES)],
    "kmers": [("t.csv", SEQUENCES)],
    "annotations": [("t.csv", "name,terms\na,x;y\nb,y\nc,x;y;z\nd,q\n")],
    "ontology": [
        ("t.csv", "name,terms\na,x\nb,y\nc,x;y\nd,z\n"),
        ("p.csv", "child,parent\nx,z\ny,z\nz,w\n"),
    ],
    "features": [("t.csv", "name,p,q\na,1,2\nb,2,5\nc,9,1\nd,1,0\n")],
    "mean": [("one.csv", ROWS), ("two.csv", ROWS.replace("0.4", "0.7"))],
}


@pytest.mark.parametrize("kind", WAYS)
class TestWays(SimilarityContract):
    def files(self, kind: str, folder: Path) -> list[Path]:
        for name, text in EXAMPLES[kind]:
            (folder / name).write_text(text)
        return [folder / name for name, _ in EXAMPLES[kind]]


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda v: v + np.triu(np.full_like(v, 0.1), 1), "test_it_is_a_similarity"),
        (lambda v: v * 100, "test_it_is_a_similarity"),
        (lambda v: v - 1, "test_it_is_a_similarity"),
        (lambda v: v * (1 - 0.5 * np.eye(len(v))), "test_it_is_a_similarity"),
        (lambda v: np.eye(len(v)), "test_it_tells_things_apart"),
        (lambda v: v * np.random.default_rng().random(), "test_it_is_deterministic"),
        (lambda v: v.astype(np.float32), "test_it_is_a_similarity"),
        (lambda v: v[:, ::-1], "test_it_reads_back"),
    ],
)
def test_a_fault_of_a_way_is_found(
    change: Any, check: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = WAYS["kmers"]

    def faulty(*arguments: Any) -> Similarity:
        made = plain.make(*arguments)
        return dataclasses.replace(made, values=change(made.values))

    monkeypatch.setitem(WAYS._own, "kmers", dataclasses.replace(plain, make=faulty))
    with pytest.raises((AssertionError, InputError)):
        getattr(TestWays(), check)("kmers", tmp_path)
