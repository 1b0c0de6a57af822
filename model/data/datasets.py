"""The data a study runs on: two sets of named things, their similarities, their associations.

Shape legend: M miRNAs, S small molecules, K associations.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from model.data.kinds import DEFAULT_KINDS, TAKEN, Kind, Kinds
from model.data.names import mend_of_name
from model.errors import InputError

SYMMETRY_TOLERANCE = 1e-6  # absolute; similarities are of the order of 1
ROUNDING = 1e-3  # largest difference of two directions that rounding to three decimals makes
_ROWS_AT_ONCE = 1_000  # of a similarity that is checked


@dataclass(frozen=True, eq=False)
class AssociationDataset:
    """Known associations between things of two kinds, with a similarity matrix for each.

    Names travel with the data: row i of every matrix is ``rows[i]`` and column j of
    ``associations`` is ``columns[j]``. All arrays are read-only copies of those given, but for
    similarities that are memory-mapped, which stay on disk.

    Args:
        name: what the user calls the data set.
        rows: M distinct names.
        columns: S distinct names.
        associations: (M, S), 1 for a known association and 0 for an unknown pair.
        row_similarity: (M, M), symmetric and finite.
        column_similarity: (S, S), symmetric and finite.
        kinds: what the rows and the columns are called. The content hash does not see them.

    Raises:
        InputError: shapes, names or values do not fit together; the message names the field.
    """

    name: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    associations: np.ndarray
    row_similarity: np.ndarray
    column_similarity: np.ndarray
    kinds: Kinds = DEFAULT_KINDS

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", tuple(self.rows))
        object.__setattr__(self, "columns", tuple(self.columns))
        if self.kinds[0].key == self.kinds[1].key:
            raise InputError(
                f"both sides are called {self.kinds[0].name!r}",
                where=self.name,
                hint="the two kinds need two names",
            )
        for kind, names in zip(self.kinds, (self.rows, self.columns), strict=True):
            if kind.key in TAKEN or not kind.key:
                raise InputError(
                    f"a kind cannot be called {kind.name!r}",
                    where=self.name,
                    hint=f"rankings have columns of names beside {', '.join(TAKEN)}",
                )
            _check_names(kind.name, names, self.name)
        associations = np.asarray(self.associations)
        _check_shape("associations", associations, (len(self.rows), len(self.columns)), self.name)
        amiss = ~np.isin(associations, (0, 1))
        if amiss.any():
            row, column = np.argwhere(amiss)[0]
            raise InputError(
                f"the association of {self.rows[row]!r} and {self.columns[column]!r} is "
                f"{associations[row, column]}",
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
        for field, kind, names in (
            ("row_similarity", self.kinds[0], self.rows),
            ("column_similarity", self.kinds[1], self.columns),
        ):
            given = getattr(self, field)
            # A memory-mapped one may be larger than the memory: it stays where it is, also where
            # it comes from another data set. So does its precision, which the content hash sees.
            matrix = given if _is_kept(given) else np.array(given, dtype=np.float64)
            _check_shape(kind.similarity, matrix, (len(names), len(names)), self.name)
            _check_similarity(kind.similarity, matrix, names, self.name)
            self._freeze(field, matrix)

    def __repr__(self) -> str:
        first, second = (kind.plural for kind in self.kinds)
        return (
            f"{type(self).__name__}({self.name!r}: {len(self.rows)} {first},"
            f" {len(self.columns)} {second}, {len(self.association_pairs)} associations)"
        )

    def __reduce__(self) -> tuple[object, ...]:
        # What has been checked is not checked again, and a float32 similarity that came from disk
        # stays one: another process finds the same content hash.
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return _restored, (type(self), values)

    def _freeze(self, field: str, array: np.ndarray) -> None:
        # Of a memory-mapped one this is a view; as a plain array it is pickled without a copy.
        array = np.ascontiguousarray(array)
        array.setflags(write=False)
        object.__setattr__(self, field, array)

    @cached_property
    def content_hash(self) -> str:
        """64 hexadecimal digits that change with any name, order or value (not with ``name``)."""
        digest = hashlib.sha256()
        for names in (self.rows, self.columns):
            digest.update(json.dumps(names).encode() + b"\0")
        for array in (
            self.associations,
            self.row_similarity,
            self.column_similarity,
        ):
            digest.update(str(array.shape).encode())
            digest.update(array.data)
        return digest.hexdigest()

    @cached_property
    def association_pairs(self) -> np.ndarray:
        """(K, 2) int64, one row (row index, column index) per known association."""
        pairs = np.argwhere(self.associations).astype(np.int64)
        pairs.setflags(write=False)
        return pairs

    @property
    def sides(self) -> tuple[tuple[Kind, tuple[str, ...], np.ndarray], ...]:
        """Kind, names and similarity of the rows, then of the columns."""
        return (
            (self.kinds[0], self.rows, self.row_similarity),
            (self.kinds[1], self.columns, self.column_similarity),
        )

    def row_index(self, name: str) -> int:
        """Of the thing of that name; raises InputError that suggests close names."""
        return self._index(name, 0)

    def column_index(self, name: str) -> int:
        """Of the thing of that name; raises InputError that suggests close names."""
        return self._index(name, 1)

    def _index(self, name: str, side: int) -> int:
        names = (self.rows, self.columns)
        try:
            return names[side].index(name)
        except ValueError:
            hint = mend_of_name(name, self.kinds, names, side)
            raise InputError(
                f"unknown {self.kinds[side].name} {name!r}", where=self.name, hint=hint
            ) from None


def _is_kept(given: object) -> bool:
    """Whether an array can be held as it is: it is mapped from a file, or nobody can change it."""
    if not isinstance(given, np.ndarray) or given.dtype not in (np.float32, np.float64):
        return False
    owner = given.base if isinstance(given.base, np.ndarray) else given
    is_fixed = not given.flags.writeable and not owner.flags.writeable
    return isinstance(given, np.memmap) or is_fixed


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
    count, largest, most = 0, SYMMETRY_TOLERANCE, (0, 0)
    for start in range(0, len(matrix), _ROWS_AT_ONCE):
        rows = matrix[start : start + _ROWS_AT_ONCE]
        _check_finite(field, rows, start, names, where)
        # Column j of these rows is below the diagonal where j < i: each pair is looked at once.
        with np.errstate(over="ignore"):
            apart = np.abs(rows - matrix[:, start : start + len(rows)].T)
        apart[np.arange(len(matrix)) < np.arange(start, start + len(rows))[:, None]] = 0
        count += int((apart > SYMMETRY_TOLERANCE).sum())
        if apart.max() > largest:
            row, column = np.unravel_index(apart.argmax(), apart.shape)
            largest, most = float(apart.max()), (int(row) + start, int(column))
    if count:
        row, column = most
        more = f"; {count} pairs differ, these by most" if count > 1 else ""
        raise InputError(
            f"{field} is not symmetric: {names[row]!r} to {names[column]!r} is "
            f"{matrix[row, column]}, but the other way round it is {matrix[column, row]}{more}",
            where=where,
            hint="with numpy: (similarity + similarity.T) / 2",
        )


def _check_finite(
    field: str, rows: np.ndarray, start: int, names: Sequence[str], where: str
) -> None:
    finite = np.isfinite(rows)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise InputError(
            f"{field} of {names[row + start]!r} and {names[column]!r} is {rows[row, column]}",
            where=where,
            hint="similarities are finite numbers",
        )


def _restored(cls: type[AssociationDataset], values: dict[str, object]) -> AssociationDataset:
    """A data set that comes from another process, without another check."""
    dataset = object.__new__(cls)
    for field, value in values.items():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)  # which pickling loses
        object.__setattr__(dataset, field, value)
    return dataset
