"""Start points: what a study evaluates before its sampler suggests anything, and their history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from model.data.datasets import AssociationDataset
from model.errors import InputError
from model.evaluation.folds import development_pairs
from model.evaluation.protocols import Protocol
from search_spaces.priors import shipped_priors
from search_spaces.schema import SearchSpace

PUBLISHED = "published"
NO_PRIOR = "none"


@dataclass(frozen=True)
class Start:
    """A point to evaluate first.

    Args:
        name: that its trial carries; empty for a point of the space's own file.
        point: a value for every searched parameter that applies to it.
        history: how it was chosen.
    """

    name: str
    point: dict[str, Any]
    history: str

    def __str__(self) -> str:
        return f"{self.name}: {self.history}" if self.name else self.history


def own_starts(space: SearchSpace) -> tuple[Start, ...]:
    """The points that a space's own file begins with."""
    return tuple(
        Start(
            PUBLISHED,
            point,
            f"the paper's settings, trained for {space.max_epochs} epochs and not their 1,000",
        )
        if space.is_published(point)
        else Start("", point, "of the space's file")
        for point in space.start_points()
    )


def prior_starts(
    space: SearchSpace,
    space_name: str,
    dataset: AssociationDataset,
    protocol: Protocol,
    seed: int,
    asked: str | None,
) -> tuple[Start, ...]:
    """The prior that a study begins with, if any.

    Args:
        asked: name of a prior to use wherever it was chosen; ``none``; None for the space's own,
            unless it was chosen on these data.

    Raises:
        InputError: there is no such prior, it is outside the space, or it was chosen on
            associations that this study seals.
    """
    known = shipped_priors()
    if asked is None:
        return tuple(
            _inside(space, Start(name, dict(one.point), one.history), "--prior")
            for name, one in known.priors.items()
            if one.space == space_name and not known.is_chosen_on(name, dataset)
        )
    if asked == NO_PRIOR:
        return ()
    if asked not in known.priors:
        names = ", ".join((*known.priors, NO_PRIOR))
        raise InputError(f"there is no prior {asked!r}", where="--prior", hint=f"one of {names}")
    history = known.priors[asked].history
    if known.is_chosen_on(asked, dataset):
        if len(development_pairs(dataset, protocol, seed)) < len(dataset.association_pairs):
            raise InputError(
                f"{asked} was chosen on all associations of these data, and `{protocol.name}`"
                " seals some: their score would have chosen it",
                where="--prior",
                hint="leave it out, or choose a protocol that seals nothing, such as `random`",
            )
        history += ": on associations of these data, so its score here is optimistic"
    return (_inside(space, Start(asked, dict(known.priors[asked].point), history), "--prior"),)


def _inside(space: SearchSpace, start: Start, option: str) -> Start:
    """The start point with what applies to it.

    Raises:
        InputError: it is outside the space.
    """
    values = space.settings(start.point)
    if amiss := outside(space, values):
        raise InputError(
            f"{start.name} is outside the space: {', '.join(amiss)}",
            where=option,
            hint="leave it out, or choose a space that holds it",
        )
    return Start(start.name, space.point(values), start.history)


def outside(space: SearchSpace, values: dict[str, Any]) -> list[str]:
    """The settings of a whole configuration that a space cannot have, but for the epochs."""
    point = space.point(values)
    fixed = {**space.settings(point), "training.epochs": values["training.epochs"]}
    beyond = [
        name for name, value in point.items() if not space.search[name].contains(value, values)
    ]
    return beyond + [name for name, value in values.items() if fixed[name] != value]


def told(starts: Sequence[Start]) -> str:
    """What start points a study has, as its record says it."""
    return "; ".join(dict.fromkeys(map(str, starts))) or "none"
