"""Molecules from their SMILES: Morgan fingerprints and their Tanimoto similarity, by RDKit.

A fingerprint has a bit for every neighbourhood of an atom, up to a radius (Morgan; ECFP4 at radius
2); the similarity is the number of shared bits over the number of bits of either.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from model.data.readers import place, read_text
from model.data.similarity.interface import Advance, Columns, Similarity, Way, needed
from model.data.similarity.tables import Described, gather_names, read_described
from model.errors import InputError, Problems

_WORDS = ("smiles", "canonical-smiles", "canonicalsmiles", "isomeric-smiles", "isomericsmiles")
_LISTS = (".smi", ".smiles")  # no header; SMILES and name, with blanks between


class FingerprintSettings(Columns):
    """Of Morgan fingerprints."""

    radius: int = Field(2, ge=0, le=10, description="bonds from an atom to the end of its part")
    bits: int = Field(2048, ge=64, le=1 << 20, description="length of a fingerprint")


def similarity(
    files: Sequence[Path], settings: FingerprintSettings, advance: Advance
) -> Similarity:
    """Tanimoto similarity of the molecules of a table or a ``.smi`` file."""
    with needed("RDKit"):
        from rdkit import rdBase
        from rdkit.Chem import rdFingerprintGenerator
        from rdkit.DataStructs import BulkTanimotoSimilarity

    (path,) = files
    described = _read(path, settings)
    problems = Problems()
    gather_names(described, problems)
    with rdBase.BlockLogs():  # RDKit would print what our problems say
        molecules = [
            _molecule(text, where, problems)
            for text, where in zip(described.texts, described.places, strict=True)
        ]
    problems.raise_any()
    generator = rdFingerprintGenerator.GetMorganGenerator(
        radius=settings.radius, fpSize=settings.bits
    )
    fingerprints = [generator.GetFingerprint(molecule) for molecule in molecules]
    count = len(fingerprints)
    values = np.zeros((count, count))
    for row, fingerprint in enumerate(fingerprints):
        values[row, row:] = values[row:, row] = BulkTanimotoSimilarity(
            fingerprint, fingerprints[row:]
        )
        advance(row + 1, count)
    said = f"Morgan fingerprints, radius {settings.radius}, {settings.bits} bits; Tanimoto (RDKit)"
    return Similarity(described.names, values, (described.said, said))


def _read(path: Path, settings: FingerprintSettings) -> Described:
    if path.suffix.lower() not in _LISTS:
        return read_described(path, settings, _WORDS)
    problems = Problems()
    names, texts, places = [], [], []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        text, _, name = line.strip().partition("\t" if "\t" in line.strip() else " ")
        if not name.strip():
            problems.add(
                "no name follows the SMILES",
                where=place(path, row=number),
                hint="a line is the SMILES, a blank, the name",
            )
        names.append(name.strip())
        texts.append(text)
        places.append(place(path, row=number, column=1))
    if not texts:
        raise InputError("the file holds no rows", where=str(path))
    problems.raise_any()
    said = f"{path.name}: in each row the SMILES, then the name"
    return Described(tuple(names), tuple(texts), tuple(places), said)


def _molecule(text: str, where: str, problems: Problems) -> Any:
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(text) if text and len(text.split()) == 1 else None
    if molecule is not None and molecule.GetNumAtoms():
        return molecule
    if not text:
        problems.add("there is no SMILES", where=where, hint="give one, or leave the thing out")
        return None
    raw = Chem.MolFromSmiles(text, sanitize=False) if len(text.split()) == 1 else None
    amiss = [one.Message() for one in Chem.DetectChemistryProblems(raw)] if raw else []
    why = f": {amiss[0]}" if amiss else ""
    problems.add(
        f"{text!r} is no SMILES that RDKit reads{why}",
        where=where,
        hint="correct it (PubChem has one for each compound), or leave the thing out",
    )
    return None


SMILES = Way(
    meaning="molecules from their SMILES: Morgan fingerprints, Tanimoto (needs RDKit)",
    files=("TABLE",),
    settings=FingerprintSettings(),
    make=similarity,
)
