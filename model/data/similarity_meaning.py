"""Whether the numbers of a similarity mean what a similarity means.

Models and baselines take a larger number for more alike, 1 or so for the same, and 0 for nothing in
common. On other scales they run and get worse, the baselines most: matrix factorisation with
neighbours (NRLMF) has an AUC of 0.92 on a similarity, 0.78 on the same in percent and 0.47 on a
million times that. A weakened opponent flatters the model, so such data are refused.

Shape legend: n things of one side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model.data.datasets import AssociationDataset
from model.data.finding import Finding
from model.data.similarity.absence import is_absent

_MOST = 300  # rows that are looked at, of a larger similarity drawn
_FEWEST = 3  # two things have one similarity, which says nothing of its scale
_LARGEST = 2.0  # a little above 1 is another normalisation, far above another scale
_SLACK = 1e-3  # rounding
_NEGATIVE_SHARE = 0.1  # of the eigenvalues' sizes; 0.024 at most in eight published similarities


def doubts_about(dataset: AssociationDataset) -> list[Finding]:
    """What is amiss with scale and meaning of either similarity."""
    found = []
    for kind, names, similarity in dataset.sides:
        if len(names) >= _FEWEST and not is_absent(similarity):
            rows = np.arange(len(names))
            if len(rows) > _MOST:
                rows = np.sort(np.random.default_rng(0).choice(rows, size=_MOST, replace=False))
            part = np.asarray(similarity[np.ix_(rows, rows)], dtype=np.float64)
            where = f"{dataset.name}, {kind.similarity}"
            found += _doubts(part, [names[row] for row in rows], where)
    return found


def _doubts(part: np.ndarray, names: Sequence[str], where: str) -> list[Finding]:
    own = part.diagonal()
    others = part[~np.eye(len(part), dtype=bool)]
    low, high = others.min(), others.max()
    if np.ptp(part) < 1e-12:
        return [
            Finding(
                f"every value is {own[0]:g}",
                where,
                "give similarities that tell things apart, or leave the file out where none are"
                " known",
            )
        ]
    if np.abs(own).max() < 1e-9:
        return [
            Finding(
                f"things are not alike to themselves: the diagonal is 0, other values reach"
                f" {high:g}",
                where,
                "distances: give 1 - distance / largest distance; similarities without the"
                " diagonal: put 1 there",
            )
        ]
    scale = np.abs(part).max()
    if scale > _LARGEST:
        is_percent = 10 < scale <= 100 * (1 + _SLACK)
        return [
            Finding(
                f"values reach {scale:g}{', which looks like percent' if is_percent else ''}; a"
                " similarity lies between 0 and 1",
                where,
                f"divide by {'100' if is_percent else 'the largest value'}, or each value by the"
                " root of the product of its two on the diagonal: a thing with itself is then 1",
            )
        ]
    return [
        Finding(message, where, hint, is_fault=False)
        for message, hint in _oddities(part, names, own, low, high)
    ]


def _oddities(
    part: np.ndarray, names: Sequence[str], own: np.ndarray, low: float, high: float
) -> list[tuple[str, str]]:
    """What is legitimate, but seldom meant."""
    odd = []
    if high - low < 1e-12:
        odd.append(
            (
                f"two different things always have {high:g}",
                "such a similarity says nothing; that is right only where nothing is known",
            )
        )
    if low < -_SLACK:
        odd.append(
            (
                f"values go down to {low:g}",
                "correlations? Baselines take the negative ones for unlike; (1 + r) / 2 lies in"
                " 0 to 1",
            )
        )
    if high > 1 + _SLACK:
        odd.append((f"values reach {high:g}", "1 is the most that two things can be alike"))
    excess = part.max(axis=1) - own
    if excess.max() > _SLACK:
        row, count = int(excess.argmax()), int((excess > _SLACK).sum())
        other = names[int(part[row].argmax())]
        who = "a thing is more like another than like itself"
        if count > 1:
            who = f"{count} things are more like another than like themselves, by most"
        odd.append(
            (
                f"{who}: {names[row]!r} has {own[row]:g} itself and {part[row].max():g} with"
                f" {other!r}",
                "put the largest value of a row on the diagonal, as a rule 1",
            )
        )
    eigenvalues = np.linalg.eigvalsh(part)
    negative = -eigenvalues[eigenvalues < 0].sum() / np.abs(eigenvalues).sum()
    if negative > _NEGATIVE_SHARE and low >= -_SLACK:
        odd.append(
            (
                f"it is far from positive semi-definite: {negative:.0%} of the eigenvalues' size is"
                " negative",
                "kernel baselines expect a kernel; is each value where it belongs?",
            )
        )
    return odd
