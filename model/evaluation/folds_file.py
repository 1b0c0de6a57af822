"""Folds as a file, so that anybody's model can be trained and measured on them.

The file is JSON and holds names, never row numbers: ``dataset``, ``data_hash``, ``protocol``,
``meaning``, ``seed``, ``balance``, the two ``kinds`` of things, the names of all ``rows`` and
``columns``, which are of the first and of the second kind, and for each of the ``folds`` its number
``fold`` (from 0) and four lists:

- ``train``: [row, column], the associations to train on;
- ``train_groups``: for each of them a number; those that share it are near-copies, and stay
  together where ``train`` is split again;
- ``held_out`` and ``ranked_against``: [first, second], the pairs to score. ``first`` is a row and
  ``second`` a column, save where a protocol ranks against all node pairs.

Associations of the sealed part are in none of the lists. Earlier files (`mmatune folds 1`) say
``mirnas`` and ``small_molecules`` for ``rows`` and ``columns``, and no kinds; they are read too.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from model.config import Config
from model.data.datasets import AssociationDataset
from model.data.kinds import DEFAULT_KINDS
from model.data.readers import read_bytes
from model.errors import InputError
from model.evaluation.folds import Fold, Protocol, development_folds
from model.evaluation.metrics.ranked import Balance
from model.evaluation.protocol_names import todays_name

Pair = tuple[str, str]
_LISTS = ("train", "train_groups", "held_out", "ranked_against")


class NamedFold(Config):
    """A `Fold` in names; see the top of this module."""

    fold: int
    train: tuple[Pair, ...]
    train_groups: tuple[int, ...]
    held_out: tuple[Pair, ...] = Field(min_length=1)
    ranked_against: tuple[Pair, ...] = Field(min_length=1)


class FoldsFile(Config):
    """The development folds of a data set under a protocol and a seed."""

    format: Literal["mmatune folds 2"] = "mmatune folds 2"
    dataset: str
    data_hash: str
    protocol: str
    meaning: str
    seed: int
    balance: Balance
    kinds: tuple[str, str]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    folds: tuple[NamedFold, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _in_the_words_of_today(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("format") == "mmatune folds 1":
            fields = {"mirnas": "rows", "small_molecules": "columns"}
            values = {fields.get(key, key): value for key, value in values.items()}
            kinds = [kind.name for kind in DEFAULT_KINDS]
            protocol = todays_name(str(values.get("protocol")))
            today = {"format": "mmatune folds 2", "kinds": kinds, "protocol": protocol}
            return values | today
        return values

    @model_validator(mode="after")
    def _fits_together(self) -> FoldsFile:
        names = set(self.rows) | set(self.columns)
        for number, fold in enumerate(self.folds):
            if fold.fold != number:
                raise ValueError(f"fold {fold.fold} is where fold {number} belongs")
            if len(fold.train) != len(fold.train_groups):
                raise ValueError(f"fold {number}: train and train_groups differ in length")
            for pairs in (fold.train, fold.held_out, fold.ranked_against):
                unknown = {name for pair in pairs for name in pair} - names
                if unknown:
                    raise ValueError(f"fold {number}: {min(unknown)!r} is not among the names")
        return self

    @classmethod
    def of(cls, dataset: AssociationDataset, protocol: Protocol, seed: int) -> FoldsFile:
        """The development folds, in names.

        Raises:
            InputError: a row and a column share a name, or there are no such folds.
        """
        shared = set(dataset.rows) & set(dataset.columns)
        if shared:
            raise InputError(
                f"{min(shared)!r} names {dataset.kinds[0].one} and {dataset.kinds[1].one}",
                where=dataset.name,
                hint="rename one: folds are written by name",
            )
        names = (*dataset.rows, *dataset.columns)

        def named(node_pairs: np.ndarray) -> tuple[Pair, ...]:
            return tuple((names[i], names[j]) for i, j in node_pairs.T.tolist())

        return cls(
            dataset=dataset.name,
            data_hash=dataset.content_hash,
            protocol=protocol.name,
            meaning=protocol.in_words_of(dataset.kinds).meaning,
            seed=seed,
            balance=protocol.balance,
            kinds=(dataset.kinds[0].name, dataset.kinds[1].name),
            rows=dataset.rows,
            columns=dataset.columns,
            folds=tuple(
                NamedFold(
                    fold=number,
                    train=named(fold.train_pairs.T + [[0], [len(dataset.rows)]]),
                    train_groups=tuple(fold.train_groups.tolist()),
                    held_out=named(fold.held_out),
                    ranked_against=named(fold.ranked_against),
                )
                for number, fold in enumerate(development_folds(dataset, protocol, seed))
            ),
        )

    def to_folds(self) -> tuple[Fold, ...]:
        """The folds in numbers again, equal to those that were exported."""
        number = {name: i for i, name in enumerate((*self.rows, *self.columns))}

        def node_pairs(pairs: Sequence[Pair]) -> np.ndarray:
            return np.array([[number[a], number[b]] for a, b in pairs]).T

        return tuple(
            Fold(
                train_pairs=node_pairs(fold.train).T - [0, len(self.rows)],
                train_groups=np.array(fold.train_groups),
                held_out=node_pairs(fold.held_out),
                ranked_against=node_pairs(fold.ranked_against),
                balance=self.balance,
            )
            for fold in self.folds
        )

    def write(self, path: Path) -> None:
        """Write the file whole or not at all, one pair a line.

        Raises:
            InputError: it cannot be written there.
        """
        path = path.absolute()
        try:
            with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as scratch:
                made = Path(scratch) / path.name
                made.write_text("".join(self._lines()), encoding="utf-8")
                os.replace(made, path)
        except OSError as error:
            raise InputError(
                f"cannot be written: {error.strerror}", where=str(path), hint="give another path"
            ) from error

    def _lines(self) -> Iterator[str]:
        head = self.model_dump(exclude={"folds"})
        yield "{\n"
        for key, value in head.items():
            yield f"{_json(key)}: {_json(value)},\n"
        yield '"folds": [\n'
        for fold in self.folds:
            yield f'{{"fold": {fold.fold}'
            for key in _LISTS:
                separator = "," if key == "train_groups" else ",\n"
                yield f',\n"{key}": [\n' + separator.join(map(_json, getattr(fold, key))) + "]"
            yield "}\n]\n" if fold is self.folds[-1] else "},\n"
        yield "}\n"


def read_folds(path: Path) -> FoldsFile:
    """Read what `FoldsFile.write` wrote.

    Raises:
        InputError: there is no such file, or it does not hold folds; it says what is amiss.
    """
    try:
        return FoldsFile.model_validate_json(read_bytes(path))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"not a file of folds: {field + ': ' if field else ''}{first['msg']}",
            where=str(path),
            hint="`mmatune folds export` writes one",
        ) from None


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
