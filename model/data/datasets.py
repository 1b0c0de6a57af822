"""The data a study runs on: two sets of named things, their similarities, their associations.

Shape legend: M miRNAs, S small molecules, K associations.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import cached_property

import numpy as np

from model.errors import InputError

SYMMETRY_TOLERANCE = 1e-6  # absolute; similarities are of the order of 1
_ROWS_AT_ONCE = 1_000  # of a similarity that is checked


@dataclass(frozen=True, eq=False)
class AssociationDataset:
    """Known associations between miRNAs and small molecules, with a similarity matrix for each.

    Names travel with the data: row i of every matrix is ``mirnas[i]`` and column j of
    ``associations`` is ``small_molecules[j]``. All arrays are read-only copies of those given,
    but for similarities that are memory-mapped, which stay on disk.

    Args:
        name: what the user calls the data set.
        mirnas: M distinct names.
        small_molecules: S distinct names.
        associations: (M, S), 1 for a known association and 0 for an unknown pair.
        mirna_similarity: (M, M), symmetric and finite.
        small_molecule_similarity: (S, S), symmetric and finite.

    Raises:
        InputError: shapes, names or values do not fit together; the message names the field.
    """

    name: str
    mirnas: tuple[str, ...]
    small_molecules: tuple[str, ...]
    associations: np.ndarray
    mirna_similarity: np.ndarray
    small_molecule_similarity: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "mirnas", tuple(self.mirnas))
        object.__setattr__(self, "small_molecules", tuple(self.small_molecules))
        _check_names("miRNA", self.mirnas, self.name)
        _check_names("small molecule", self.small_molecules, self.name)
        n_mirnas, n_small_molecules = len(self.mirnas), len(self.small_molecules)
        associations = np.asarray(self.associations)
        _check_shape("associations", associations, (n_mirnas, n_small_molecules), self.name)
        amiss = ~np.isin(associations, (0, 1))
        if amiss.any():
            mirna, molecule = np.argwhere(amiss)[0]
            raise InputError(
                f"the association of {self.mirnas[mirna]!r} and "
                f"{self.small_molecules[molecule]!r} is {associations[mirna, molecule]}",
                where=self.name,
                hint="1 is a known association, 0 an unknown pair",
            )
        if not associations.any():
            raise InputError(
                "there is no association in the data",
                where=self.name,
                hint="give at least one known pair",
            )
        self._freeze("associations", associations.astype(np.uint8))
        for field, names in (
            ("mirna_similarity", self.mirnas),
            ("small_molecule_similarity", self.small_molecules),
        ):
            given = getattr(self, field)
            # A memory-mapped one may be larger than the memory: it stays where it is.
            matrix = given if isinstance(given, np.memmap) else np.array(given, dtype=np.float64)
            _check_shape(field, matrix, (len(names), len(names)), self.name)
            _check_similarity(field, matrix, names, self.name)
            self._freeze(field, matrix)

    def __reduce__(self) -> tuple[object, ...]:
        # Pickling loses the read-only mark; the constructor sets it again in the other process.
        return type(self), tuple(getattr(self, field.name) for field in fields(self))

    def _freeze(self, field: str, array: np.ndarray) -> None:
        array = np.ascontiguousarray(array)
        array.setflags(write=False)
        object.__setattr__(self, field, array)

    @cached_property
    def content_hash(self) -> str:
        """64 hexadecimal digits that change with any name, order or value (not with ``name``)."""
        digest = hashlib.sha256()
        for names in (self.mirnas, self.small_molecules):
            digest.update(json.dumps(names).encode() + b"\0")
        for array in (
            self.associations,
            self.mirna_similarity,
            self.small_molecule_similarity,
        ):
            digest.update(str(array.shape).encode())
            digest.update(array.data)
        return digest.hexdigest()

    @cached_property
    def association_pairs(self) -> np.ndarray:
        """(K, 2) int64, one row (miRNA index, small molecule index) per known association."""
        pairs = np.argwhere(self.associations).astype(np.int64)
        pairs.setflags(write=False)
        return pairs

    def mirna_index(self, name: str) -> int:
        """Row of a miRNA; raises InputError that suggests close names."""
        return _index(name, self.mirnas, "miRNA", self.name)

    def small_molecule_index(self, name: str) -> int:
        """Column of a small molecule; raises InputError that suggests close names."""
        return _index(name, self.small_molecules, "small molecule", self.name)


def _check_names(kind: str, names: Sequence[str], where: str) -> None:
    if not names:
        raise InputError(f"there is no {kind}", where=where)
    seen: set[str] = set()
    for row, name in enumerate(names, start=1):
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"{kind} {row} has no name", where=where)
        if name in seen:
            raise InputError(
                f"duplicate {kind} name {name!r}", where=where, hint="names must be distinct"
            )
        seen.add(name)


def _check_shape(field: str, array: np.ndarray, expected: tuple[int, int], where: str) -> None:
    if array.shape != expected:
        raise InputError(
            f"{field} has shape {array.shape}, but the names ask for {expected}", where=where
        )


def _check_similarity(field: str, matrix: np.ndarray, names: Sequence[str], where: str) -> None:
    for start in range(0, len(matrix), _ROWS_AT_ONCE):
        _check_similar_rows(field, matrix, start, names, where)


def _check_similar_rows(
    field: str, matrix: np.ndarray, start: int, names: Sequence[str], where: str
) -> None:
    rows = matrix[start : start + _ROWS_AT_ONCE]
    finite = np.isfinite(rows)
    if not finite.all():
        row, column = np.argwhere(~finite)[0] + [start, 0]
        raise InputError(
            f"{field} of {names[row]!r} and {names[column]!r} is {matrix[row, column]}",
            where=where,
            hint="similarities are finite numbers",
        )
    apart = np.abs(rows - matrix[:, start : start + len(rows)].T) > SYMMETRY_TOLERANCE
    if apart.any():
        row, column = np.argwhere(apart)[0] + [start, 0]
        raise InputError(
            f"{field} is not symmetric: {names[row]!r} to {names[column]!r} is "
            f"{matrix[row, column]}, but the other way round it is {matrix[column, row]}",
            where=where,
        )


def _index(name: str, names: tuple[str, ...], kind: str, where: str) -> int:
    try:
        return names.index(name)
    except ValueError:
        close = get_close_matches(name, names, n=3)
        hint = f"did you mean {', '.join(close)}?" if close else f"one of: {names[0]}, ..."
        raise InputError(f"unknown {kind} {name!r}", where=where, hint=hint) from None
