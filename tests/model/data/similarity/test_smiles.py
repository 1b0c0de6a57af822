"""Molecules: RDKit's own figures, and every unreadable SMILES at once."""

import sys
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from model.errors import InputError
from tests.model.data.similarity.made import made, problems

MOLECULES = {
    "aspirin": "CC(=O)Oc1ccccc1C(=O)O",
    "salicylic acid": "O=C(O)c1ccccc1O",
    "caffeine": "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
    "theophylline": "Cn1c2c(c(=O)n(C)c1=O)[nH]cn2",
    "paracetamol": "CC(=O)Nc1ccc(O)cc1",
    "ibuprofen": "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "glucose": "OC[C@H]1OC(O)[C@H](O)[C@@H](O)[C@@H]1O",
    "5-fluorouracil": "O=c1[nH]cc(F)c(=O)[nH]1",
    "cisplatin": "N.N.Cl[Pt]Cl",
    "ethanol": "CCO",
}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "drugs.csv"
    lines = [f"{name},{smiles}" for name, smiles in MOLECULES.items()]
    path.write_text("\n".join(["drug,SMILES", *lines]) + "\n")
    return path


@pytest.mark.parametrize(("radius", "bits"), [(2, 2048), (3, 512)])
def test_ten_molecules_agree_with_rdkit(table: Path, radius: int, bits: int) -> None:
    """With RDKit's figure for each two, and with one counted from the bits themselves."""
    similarity = made("smiles", table, settings=[f"radius={radius}", f"bits={bits}"])
    assert similarity.names == tuple(MOLECULES)
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=radius, fpSize=bits)
    molecules = [Chem.MolFromSmiles(smiles) for smiles in MOLECULES.values()]
    prints = [generator.GetFingerprint(molecule) for molecule in molecules]
    of_rdkit = [[DataStructs.FingerprintSimilarity(a, b) for b in prints] for a in prints]
    np.testing.assert_allclose(similarity.values, of_rdkit, rtol=0, atol=1e-12)
    held = np.array([generator.GetFingerprintAsNumPy(one) for one in molecules], dtype=float)
    shared = held @ held.T
    sizes = held.sum(axis=1)
    counted = shared / (sizes[:, None] + sizes - shared)
    np.testing.assert_allclose(similarity.values, counted, rtol=0, atol=1e-12)


def test_the_defaults_are_ecfp4_in_2048_bits(table: Path) -> None:
    plain = made("smiles", table)
    assert "radius 2, 2048 bits" in plain.said[-1]
    spelt_out = made("smiles", table, settings=["radius=2", "bits=2048"])
    np.testing.assert_array_equal(plain.values, spelt_out.values)


def test_a_list_of_smiles_and_names_gives_the_same(table: Path, tmp_path: Path) -> None:
    lines = [f"{smiles} {name}" for name, smiles in MOLECULES.items()]
    (tmp_path / "drugs.smi").write_text("\n".join(lines) + "\n\n")
    from_list = made("smiles", tmp_path / "drugs.smi")
    assert from_list.names == tuple(MOLECULES)
    np.testing.assert_array_equal(from_list.values, made("smiles", table).values)


def test_every_problem_is_told_at_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "drugs.csv"
    path.write_text(
        "id,smiles\na,CCO\nb,C1CC\nc,CN(C)(C)C\nd,\na,CC\n,C\ne,CC ethane\nf,CCN\n",
        encoding="utf-8",
    )
    lines = problems("smiles", path)
    assert capfd.readouterr() == ("", "")  # RDKit has nothing to add
    assert len(lines) == 6
    for row, what, mend in (
        (3, "'C1CC' is no SMILES that RDKit reads", "leave the thing out"),
        (4, "Explicit valence for atom # 1 N, 4", "correct it"),
        (5, "there is no SMILES", "give one"),
        (6, "duplicate thing name 'a', already at row 2", "names must be distinct"),
        (7, "'' cannot be the name of a thing", ""),
        (8, "'CC ethane' is no SMILES", "correct it"),
    ):
        (line,) = (line for line in lines if f"{path}, row {row}" in line)
        assert what in line
        assert mend in line


@pytest.mark.parametrize(
    ("header", "settings"),
    [("drug,structure", ["column=structure"]), ("drug,canonical_smiles", [])],
)
def test_the_column_is_found_or_named(tmp_path: Path, header: str, settings: list[str]) -> None:
    (tmp_path / "drugs.csv").write_text(f"{header}\na,CCO\nb,CCN\n")
    assert made("smiles", tmp_path / "drugs.csv", settings=settings).names == ("a", "b")


def test_a_table_without_a_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "drugs.csv").write_text("a,CCO\nb,CCN\n")
    (line,) = problems("smiles", tmp_path / "drugs.csv")
    assert "no column is headed 'smiles': the header is 'a,CCO'" in line
    assert "a table without a header needs one" in line


def test_without_rdkit_one_line_says_what_to_install(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rdkit", None)
    with pytest.raises(InputError, match="RDKit is needed") as caught:
        made("smiles", table)
    assert caught.value.hint == "pip install 'mmatune[similarity]'"
    assert len(caught.value.lines()) == 1
