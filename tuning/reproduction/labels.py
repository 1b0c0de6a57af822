"""Find out whose associations a case-study table of the paper shows, by its marks.

A table names a node and lists others, each marked as known in the data set or not. The marks can be
checked, for every node of the data and for every shift of the printed labels along the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.data.datasets import AssociationDataset

SHIFTS = range(-5, 6)  # rows of the file from the printed name to the one that is meant


@dataclass(frozen=True)
class Claim:
    """One case study as printed: a node, and (name, known) for each that was ranked for it."""

    node: str
    marks: tuple[tuple[str, bool], ...]

    @classmethod
    def of(cls, node: str, text: str) -> Claim:
        """From names with + or - behind them."""
        marks = tuple((word[:-1], word[-1] == "+") for word in text.split())
        return cls(node, marks)


@dataclass(frozen=True)
class Reading:
    """One way to read a claim: whose associations they are, and how far the names are shifted."""

    node: str
    shift: int
    agreeing: int


@dataclass(frozen=True)
class Audit:
    """A claim compared with the data.

    Args:
        checked: how many marks can be checked; ``missing`` names are not in the data.
        as_printed: the claim read literally.
        readings: those in which most marks agree, of ``considered`` nodes.
        node_offset: rows of its file from the printed node to the first of the readings.
        in_file_order: steps of the list from one row of the file to the next.
    """

    claim: Claim
    checked: int
    missing: tuple[str, ...]
    as_printed: Reading
    readings: tuple[Reading, ...]
    considered: int
    node_offset: int
    in_file_order: int

    @property
    def corrected(self) -> Reading | None:
        """The reading of the one node for which every mark agrees, with the smallest shift.

        None where no mark-for-mark reading exists, or several nodes have one.
        """
        if len({one.node for one in self.readings}) > 1 or self.readings[0].agreeing < self.checked:
            return None
        return min(self.readings, key=lambda one: abs(one.shift))

    def sentences(self) -> list[str]:
        """What was found, in plain words."""
        printed = self.as_printed
        said = [
            f"As printed, {self.claim.node}: {printed.agreeing} of {self.checked} marks agree with"
            " the data."
        ]
        if self.missing:
            said.append(f"Not in the data at all: {', '.join(self.missing)}.")
        if self.corrected and self.corrected != printed:
            shifted = (
                "with the other names as printed"
                if self.corrected.shift == 0
                else f"with every other name moved {self.corrected.shift:+d} in its file"
            )
            said.append(
                f"All {self.checked} agree for one node only, of {self.considered} tried with up to"
                f" {max(SHIFTS)} rows of shift:"
                f" {self.corrected.node}, {self.node_offset:+d} from the printed one in its file,"
                f" {shifted}. The table's labels are wrong."
            )
        elif self.corrected is None:
            best = self.readings[0].agreeing
            said.append(f"No single node explains it: the best readings agree with {best} marks.")
        steps = len(self.claim.marks) - 1
        if 2 * self.in_file_order > steps:
            said.append(
                f"{self.in_file_order} of its {steps} steps go from one row of the file to the"
                " next: a ranking by a model would hardly ever do so, unless it is full of ties."
            )
        return said


def audit(claim: Claim, dataset: AssociationDataset) -> Audit:
    """Try every node of the claim's side, with every shift of the other side's names."""
    of_row = claim.node in dataset.rows
    nodes = dataset.rows if of_row else dataset.columns
    others = dataset.columns if of_row else dataset.rows
    known = dataset.associations if of_row else dataset.associations.T  # (nodes, others)
    place = {name: index for index, name in enumerate(others)}
    missing = tuple(name for name, _ in claim.marks if name not in place)
    at = np.array([place[name] for name, _ in claim.marks if name in place])
    marked = np.array([known for name, known in claim.marks if name in place])
    found = [
        Reading(node, shift, int((known[row, (at + shift) % len(others)] == marked).sum()))
        for row, node in enumerate(nodes)
        for shift in SHIFTS
    ]
    most = max(reading.agreeing for reading in found)
    best = tuple(reading for reading in found if reading.agreeing == most)
    return Audit(
        claim=claim,
        checked=len(at),
        missing=missing,
        as_printed=next(one for one in found if one.node == claim.node and one.shift == 0),
        readings=best,
        considered=len(nodes),
        node_offset=nodes.index(best[0].node) - nodes.index(claim.node),
        in_file_order=_steps(at),
    )


def _steps(places: Sequence[int] | np.ndarray) -> int:
    return int((np.diff(places) == 1).sum())
