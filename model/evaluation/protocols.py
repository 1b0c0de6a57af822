"""Protocols: how associations are split, and what held-out ones are ranked against.

A score means nothing without its protocol, so scores of different protocols are never ranked
together. Splits depend on nothing but (data, protocol, seed).

To make one of your own, change one of these and give it another name:
``dataclasses.replace(HONEST, name="families", grouping=(("hsa-mir-1-1", "mir-1"), ...))``.
A line in `PROTOCOLS`, or an entry point of your package, makes it known by that name.
"""

from __future__ import annotations

from model.errors import InputError
from model.evaluation.folds import Fold, Protocol, development_folds, development_pairs, sealed_fold
from model.evaluation.protocol_names import todays_name
from model.evaluation.splits import to_node_pairs
from model.table import Table

__all__ = [
    "CASE_STUDY",
    "COLD_COLUMNS",
    "COLD_ROWS",
    "DAESTB",
    "HONEST",
    "PAPER",
    "PAPER_10_FOLD",
    "PAPER_80_10_10",
    "PROTOCOLS",
    "RANDOM",
    "WARM",
    "Fold",
    "Protocol",
    "case_study",
    "development_folds",
    "development_pairs",
    "protocol",
    "sealed_fold",
    "to_node_pairs",
]

HONEST = Protocol(
    name="honest",
    meaning="How well held-out associations rank among all unknown pairs of a {row} and a"
    " {column}. Twins, which are near-copies by their names or by groups of the user's own, never"
    " cross folds. Both sides have been seen in training: it says nothing about new {rows} or new"
    " {columns}.",
    sealed_fraction=0.1,
    grouping="precursors",
)
RANDOM = Protocol(
    name="random",
    meaning="As `honest`, but twins may be on both sides of a split, so part of the held-out"
    " associations is a copy of a training one, and nothing is sealed: every association"
    " takes part, as in the literature. The score flatters every model that can copy, and a"
    " confirmation under it rests on fresh splits alone.",
)
PAPER = Protocol(
    name="paper",
    meaning="The publication's measure: held-out associations against as many pairs drawn from all"
    " node pairs. Most of those are two {rows} or two {columns} and could never be associated, so"
    " the score is far higher than a user of the ranking would see.",
    ranked_against="node pairs",
)
PAPER_10_FOLD = Protocol(
    name="paper-10-fold",
    meaning="`paper` in ten folds: 90 % of the associations are trained on instead of 80 %. Most of"
    " the pairs ranked against could never be associated, so the score is far higher than a user of"
    " the ranking would see.",
    folds=10,
    ranked_against="node pairs",
)
PAPER_80_10_10 = Protocol(
    name="paper-80-10-10",
    meaning="`paper` as one split: 80 % trained on, 10 % for validation, which is the part that"
    " development sees, and 10 % for the test, which is the sealed part. One small part: the score"
    " depends on its draw and has no spread. Most of the pairs ranked against could never be"
    " associated, so it is far higher than a user of the ranking would see.",
    folds=1,
    sealed_fraction=0.1,
    held_out_fraction=0.1,
    ranked_against="node pairs",
)
DAESTB = Protocol(
    name="daestb",
    meaning="Held-out associations against all unknown pairs, in the numbers they come in: on"
    " dataset2 about 80 unknown pairs for one held-out association. AP, precision, F1 and MCC"
    " depend on that number and are far below their 1:1 values for the same ranking; accuracy is"
    " high for a model that predicts nothing. AUC does not depend on it. Twins may be on"
    " both sides.",
    balance="as is",
)
WARM = Protocol(
    name="warm",
    meaning="As `honest`, but only among {rows} and {columns} that have an association in training:"
    " held-out associations of two such things, against all unknown pairs of two such things. Where"
    " most things of the data have no association at all, every other ranking is won by putting"
    " them last, which counting does; here that is worth nothing. An association that is the only"
    " one of its {row} or {column} is in no score: see the cold protocols.",
    sealed_fraction=0.1,
    grouping="precursors",
    ranked_against="unknown pairs of training nodes",
)
COLD_ROWS = Protocol(
    name="cold-rows",
    meaning="New {rows}: held-out ones, twins included, have no training association at all, only"
    " their similarities. Ranked against their own unknown pairs only: among all, a model would"
    " gain or lose by how it scores new {rows} as such. The {columns} have been seen, and most of"
    " the score is which of them are popular: compare with the additive degree.",
    sealed_fraction=0.1,
    split_by="row",
    grouping="precursors",
    ranked_against="unknown pairs of held-out nodes",
)
COLD_COLUMNS = Protocol(
    name="cold-columns",
    meaning="New {columns}: held-out ones, twins included, have no training association at all,"
    " only their similarities. Ranked against their own unknown pairs only: among all, a model"
    " would gain or lose by how it scores new {columns} as such. The {rows} have been seen. Where"
    " few {columns} hold most associations, folds differ widely in size and score: see the spread.",
    sealed_fraction=0.1,
    split_by="column",
    grouping="precursors",
    ranked_against="unknown pairs of held-out nodes",
)
PROTOCOLS: Table[Protocol] = Table(
    "protocol",
    "mmatune.protocols",
    {
        protocol.name: protocol
        for protocol in (
            HONEST,
            RANDOM,
            PAPER,
            PAPER_10_FOLD,
            PAPER_80_10_10,
            DAESTB,
            WARM,
            COLD_ROWS,
            COLD_COLUMNS,
        )
    },
)
CASE_STUDY = "case-study"


def case_study(node: str) -> Protocol:
    """The protocol of one thing of either side, by its name."""
    return Protocol(
        name=f"{CASE_STUDY}:{node}",
        meaning=f"All associations of {node} are removed, and ranked among its unknown pairs by a"
        " model that has never seen one of them; those of its twins are neither trained on nor"
        " ranked. One node is an anecdote: the score says nothing about another, and"
        " has no spread.",
        folds=1,
        split_by="node",
        grouping="precursors",
        ranked_against="unknown pairs of held-out nodes",
        node=node,
    )


def protocol(name: str) -> Protocol:
    """Look a protocol up; ``case-study:NAME`` is that of a node, earlier names are understood.

    Raises:
        InputError: there is no such protocol; it lists the names.
    """
    name = todays_name(name)
    kind, _, node = name.partition(":")
    if kind == CASE_STUDY and node:
        return case_study(node)
    if name not in PROTOCOLS:
        names = ", ".join([*PROTOCOLS, f"{CASE_STUDY}:NAME"])
        raise InputError(f"unknown protocol {name!r}", where="protocol", hint=f"one of: {names}")
    return PROTOCOLS[name]
