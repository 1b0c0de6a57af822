"""Whether a study can begin on a data set: all that is known before the first training.

`mmatune data check`, `tune` and `tune --plan` ask here, so that nothing which could have been known
ends a study late or makes its scores worthless.
"""

from __future__ import annotations

import re

from model.data.datasets import AssociationDataset
from model.data.finding import Finding, warn_of
from model.data.profile_leak import leaks
from model.data.similarity.absence import absences
from model.data.similarity_meaning import doubts_about
from model.errors import InputError, Problems
from model.evaluation.folds import Protocol, development_folds
from model.evaluation.protocols import PROTOCOLS

# MLflow refuses the first two in the name of a model; the others have a meaning where a model, an
# address or a filter is written: NAME@ALIAS, NAME/3, %41, 'NAME'.
_NOT_IN_A_MODEL_NAME = re.compile(r"[/:@%'\"`\\]")


def findings(dataset: AssociationDataset) -> list[Finding]:
    """What is amiss with the similarities: leaks first, then scale and meaning, then absence."""
    return [*leaks(dataset), *doubts_about(dataset), *absences(dataset)]


def check_before_study(
    dataset: AssociationDataset, protocol: Protocol, seed: int, *, accept_leak: bool = False
) -> str:
    """Refuse a study that could not end well, and warn of what may still be meant.

    Args:
        accept_leak: a similarity that was computed from the associations is meant.

    Returns:
        The leak that was accepted, for the study's record; empty if there is none.

    Raises:
        InputError: the data set's name cannot be a model's, the protocol cannot split the data, or
            a similarity is none; all of them at once.
    """
    problems = Problems()
    with problems.gathered():
        check_name(dataset.name)
    with problems.gathered():
        development_folds(dataset, protocol, seed)
    found = findings(dataset)
    accepted = [one for one in found if one.is_leak] if accept_leak else []
    gather_faults([one for one in found if one not in accepted], problems)
    problems.raise_any()
    warn_of([*accepted, *(one for one in found if not one.is_fault)])
    return "; ".join(f"{one.where} {one.message}" for one in accepted)


def gather_faults(found: list[Finding], problems: Problems) -> None:
    """Add those that no study begins on."""
    for one in found:
        if one.is_fault:
            flag = "; where it is meant: `tune --accept-leak`" if one.is_leak else ""
            problems.add(one.message, where=one.where, hint=one.hint + flag)


def check_name(name: str) -> None:
    """Raise for a data set that no registered model could be named after.

    Raises:
        InputError: it shows the characters.
    """
    amiss = sorted(set(_NOT_IN_A_MODEL_NAME.findall(name)))
    if amiss or not name.isprintable():
        shown = " ".join(amiss) or "control characters"
        raise InputError(
            f"the name {name!r} cannot be a registered model's: {shown}",
            where=name if name.isprintable() else repr(name),
            hint="rename the folder: letters, digits, spaces, `-`, `_` and `.` are fine",
        )


def unusable_protocols(dataset: AssociationDataset, seed: int = 0) -> dict[str, str]:
    """By the name of each protocol that cannot split the data, why."""
    why = {}
    for name, protocol in PROTOCOLS.items():
        try:
            development_folds(dataset, protocol, seed)
        except InputError as error:
            why[name] = error.message
    return why
