"""Public data sets as their authors deliver them, read just enough for tests; skipped if absent."""

from pathlib import Path

import numpy as np
import pytest

from model.data.datasets import AssociationDataset


def foreign(name: str, shared_data: Path) -> AssociationDataset:
    """One of `hmdad`, `hmdd2`, `yamanishi_nr` and `yamanishi_gpcr`; similarities averaged."""
    folder = shared_data / "foreign" / name
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}")
    associations, first, second = _read(folder)
    return AssociationDataset(
        name,
        tuple(f"row {i}" for i in range(len(first))),
        tuple(f"column {i}" for i in range(len(second))),
        associations,
        (first + first.T) / 2,
        (second + second.T) / 2,
    )


def _read(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if folder.name.startswith("yamanishi"):
        short = folder.name.removeprefix("yamanishi_")
        names = ("admat_dgc", "simmat_dg", "simmat_dc")
        first, second, third = (_named(folder / f"{short}_{name}.txt") for name in names)
        return first, second, third
    pairs, *similarities = {
        "hmdad": ("adj.txt", "disease_features.txt", "microbe_features.txt"),
        "hmdd2": (
            "knowndiseasemirnainteraction.txt",
            "functional similarity matrix.txt",
            "disease semantic similarity matrix 1.txt",
        ),
    }[folder.name]
    first, second = (np.loadtxt(folder / name) for name in similarities)
    associations = np.zeros((len(first), len(second)))
    associations[tuple(np.loadtxt(folder / pairs).astype(int)[:, :2].T - 1)] = 1
    return associations, first, second


def _named(path: Path) -> np.ndarray:
    rows = path.read_text().rstrip("\n").split("\n")[1:]
    return np.array([row.split("\t")[1:] for row in rows], dtype=float)
