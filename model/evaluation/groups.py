"""Groups of near-copies from a file of the user's own, in place of a protocol's own rule."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from model.data.datasets import AssociationDataset
from model.data.readers import Table, place, read_table
from model.errors import InputError
from model.evaluation.folds import Protocol
from model.evaluation.protocols import protocol as find_protocol

COLUMNS = ["name", "group"]
_MARK = "+groups-"  # in the name of a protocol with groups of a file


def chosen_protocol(name: str, groups: Path | None, dataset: AssociationDataset) -> Protocol:
    """The protocol of a name, with the groups of a file where one is given, see `with_groups`,
    in the data's words.
    """
    protocol = find_protocol(name).in_words_of(dataset.kinds)
    return protocol if groups is None else with_groups(protocol, groups, dataset)


def protocol_of(name: str) -> str:
    """The name that `chosen_protocol` takes, from that of the protocol it gave."""
    return name.partition(_MARK)[0]


def with_groups(protocol: Protocol, path: Path, dataset: AssociationDataset) -> Protocol:
    """The protocol with the groups of a file: members of one group are never split.

    It gets a name of its own, for another grouping is another protocol: the scores of the two are
    not comparable. A name that the file leaves out is a group by itself.

    Args:
        path: `.csv` or `.tsv` with the header ``name,group``; a name is one of
            either side of the data set.

    Raises:
        InputError: the protocol groups nothing, or the file is not as it should be; it names file,
            row and column.
    """
    if protocol.grouping == "none":
        raise InputError(
            f"the protocol {protocol.name!r} groups nothing",
            where="--groups",
            hint="use it with honest, warm, cold-rows, cold-columns or a case study",
        )
    table = read_table(path, "\t" if path.suffix == ".tsv" else ",")
    pairs = tuple(sorted(_pairs(table, dataset).items()))
    digest = hashlib.sha256(json.dumps(pairs).encode()).hexdigest()
    return replace(
        protocol,
        name=f"{protocol.name}{_MARK}{digest[:8]}",
        meaning=f"{protocol.meaning} Twins are here the members of a group in a file of the user's"
        " own, not those that names show.",
        grouping=pairs,
    )


def _pairs(table: Table, dataset: AssociationDataset) -> dict[str, str]:
    if table.rows[0] != COLUMNS:
        raise InputError(
            f"the header is {','.join(table.rows[0])!r}",
            where=place(table.path, row=table.lines[0]),
            hint=f"it must be {','.join(COLUMNS)!r}",
        )
    names = {*dataset.rows, *dataset.columns}
    groups: dict[str, str] = {}
    for line, row in zip(table.lines[1:], table.rows[1:], strict=True):
        if len(row) != 2 or not row[1].strip():
            raise InputError(
                "a row is a name and its group",
                where=place(table.path, row=line, column=2),
                hint="leave a name without twins out of the file",
            )
        name, group = (cell.strip() for cell in row)
        if name not in names or name in groups:
            known = "is there twice" if name in groups else f"is no name of {dataset.name}"
            raise InputError(
                f"{name!r} {known}",
                where=place(table.path, row=line, column=1),
                hint="each name at most once, spelt as in the data set",
            )
        groups[name] = group
    return groups
