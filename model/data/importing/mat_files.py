"""The variables of MATLAB's files: version 5 (and 4) by scipy, 7.3, which is HDF5, by h5py."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np

from model.data.importing.candidates import Origin
from model.errors import InputError

# A variable: an array of numbers (n, m), or a list of texts.
Variable = np.ndarray | list[str]


def read_variables(content: bytes, origin: Origin) -> dict[str, Variable]:
    """Arrays of numbers and lists of names by name; those in a struct as ``struct.field``.

    What is neither is left out, and so is a single text, a comment. Sparse matrices become dense.

    Raises:
        InputError: the file is damaged or of an unknown version.
    """
    is_hdf5 = b"\x89HDF\r\n\x1a\n" in content[:2048]  # MATLAB puts 512 bytes of text before it
    try:
        found = _of_hdf5(content) if is_hdf5 else _of_version_5(content)
        return {name: value for name, value in found if _is_useful(value)}
    except Exception as error:  # of a damaged file: whatever the reader comes across
        raise InputError(
            f"is no MATLAB file that can be read: {(str(error) or repr(error)).splitlines()[0]}",
            where=origin.at(),
            hint="save it anew in MATLAB, or as text",
        ) from error


def _is_useful(value: Variable) -> bool:
    return len(value) > 1 if isinstance(value, list) else value.ndim == 2 and value.size > 0


def _of_version_5(content: bytes) -> Iterator[tuple[str, Variable]]:
    import scipy.io

    for name, value in scipy.io.loadmat(io.BytesIO(content)).items():
        if not name.startswith("__"):
            yield from _unpacked(name, value)


def _unpacked(name: str, value: Any) -> Iterator[tuple[str, Variable]]:
    from scipy.sparse import issparse

    if issparse(value):
        yield name, np.asarray(value.todense(), dtype=np.float64)
    elif value.dtype.names:  # a struct
        for field in value.dtype.names if value.size == 1 else ():
            yield from _unpacked(f"{name}.{field}", value[field].flat[0])
    elif value.dtype.kind in "biuf":
        yield name, np.asarray(value, dtype=np.float64)
    elif value.dtype.kind == "U":  # a char matrix: a name in each row
        yield name, [str(text).strip() for text in value.flat]
    elif value.dtype == object and 1 in value.shape:  # a cell array
        texts = [_text(cell) for cell in value.flat]
        if None not in texts:
            yield name, [text for text in texts if text is not None]


def _text(cell: Any) -> str | None:
    cell = np.asarray(cell)
    if cell.dtype.kind == "U" and cell.size == 1:
        return str(cell.item()).strip()
    if cell.dtype.kind in "iuf" and cell.size == 1:
        return f"{cell.item():g}"
    return "" if cell.size == 0 else None


def _of_hdf5(content: bytes) -> Iterator[tuple[str, Variable]]:
    import h5py

    with h5py.File(io.BytesIO(content), "r") as file:
        for name, value in file.items():
            if not name.startswith("#"):
                yield from _unpacked_hdf5(name, value, file)


def _unpacked_hdf5(name: str, value: Any, file: Any) -> Iterator[tuple[str, Variable]]:
    import h5py

    kind = value.attrs.get("MATLAB_class", b"").decode()
    if isinstance(value, h5py.Group):
        if "MATLAB_sparse" in value.attrs:
            yield name, _dense(value)
            return
        for field, inner in value.items():
            yield from _unpacked_hdf5(f"{name}.{field}", inner, file)
    elif "MATLAB_empty" in value.attrs:
        return
    elif kind == "cell" or value.dtype == h5py.ref_dtype:
        texts = [_text_hdf5(file[reference]) for reference in value[()].flat]
        if 1 in value.shape and None not in texts:
            yield name, [text for text in texts if text is not None]
    elif kind == "char":
        columns = np.atleast_2d(value[()]).T  # HDF5 has the axes the other way round
        yield name, ["".join(map(chr, row)).strip() for row in columns]
    elif value.dtype.kind in "biuf":
        yield name, np.asarray(value[()], dtype=np.float64).T


def _text_hdf5(cell: Any) -> str | None:
    if cell.attrs.get("MATLAB_class") != b"char":
        return None
    return "" if "MATLAB_empty" in cell.attrs else "".join(map(chr, cell[()].flat)).strip()


def _dense(group: Any) -> np.ndarray:
    """A sparse matrix: its values, their rows, and where in them each column begins."""
    from scipy.sparse import csc_array

    starts = group["jc"][()]
    values = group["data"][()] if "data" in group else np.empty(0)
    rows = group["ir"][()] if "ir" in group else np.empty(0, dtype=np.int64)
    shape = (int(group.attrs["MATLAB_sparse"]), len(starts) - 1)
    return np.asarray(csc_array((values, rows, starts), shape=shape).todense(), dtype=np.float64)
