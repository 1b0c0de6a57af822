"""What is wrong with a search space: found by building the distributions that Optuna samples from.

A distribution may depend on other parameters, so it is built at each corner of those: at both ends
of a range, and at each choice.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Any

from model.errors import InputError, Problems
from model.network.autoencoder import Configuration
from search_spaces.parameters import EPOCHS, Choice, FloatRange, IntRange, Parameter
from search_spaces.unchecked import UncheckedSpace

_CORNERS = 20_000  # seconds; a space that needs more entangles a dozen parameters
_BETWEEN = (math.sqrt(5) - 1) / 2  # of a range whose ends are whole numbers this is none


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where in the space, and how to mend it."""

    where: str
    message: str
    hint: str = ""


def refuse(problems: Iterable[Problem], where: str = "") -> None:
    """Raise if there is a problem; says all of them, a line each.

    Args:
        where: the file.

    Raises:
        InputError: there is one.
    """
    found = Problems()
    for one in problems:
        place = ": ".join(part for part in (where, one.where) if part)
        found.add(one.message, where=place, hint=one.hint)
    found.raise_any()


def problems(space: UncheckedSpace) -> Iterator[Problem]:
    """Why nobody can sample the space, or what does not fit the configuration."""
    yield from _fixed(space)
    unsound = set()
    for problem, name in _structure(space):
        unsound.add(name)
        yield problem
    # Only parameters that need no unsound one: else a mistake would be told once for each.
    placed = _placed(space)
    for name in placed:
        needed = _needed(space, name)
        if not unsound & {name, *needed}:
            in_order = [one for one in placed if one in needed]
            for problem in _parameter(space, name, in_order):
                unsound.add(name)
                yield problem
    if EPOCHS not in unsound and not any(_fixed(space)):
        if space.schedule.first_rung > space.max_epochs:
            yield Problem(
                "schedule.first_rung",
                f"is {space.schedule.first_rung} epochs, after the end of the longest trial"
                f" ({space.max_epochs} epochs)",
                "choose one within it",
            )
        yield from _start_points(space, unsound)


def problems_of_a_file(space: UncheckedSpace) -> Iterator[Problem]:
    """What is refused in a file, though spaces with it have been searched and recorded."""
    if EPOCHS in space.search:
        yield Problem(
            f"search.{EPOCHS}",
            "a curve holds every shorter training, so the epochs are not searched",
            "fix it to the longest budget; the epoch is read off the curve",
        )
    for name, parameter in space.search.items():
        where = f"search.{name}"
        if isinstance(parameter, Choice):
            repeated = [
                one for at, one in enumerate(parameter.choices) if one in parameter.choices[:at]
            ]
            if repeated:
                hint = "name each once; 1, 1.0 and true are one value"
                yield Problem(f"{where}.choices", f"{repeated[0]!r} is there twice", hint)
            for choice in parameter.choices:
                read = _read(name, choice)
                if read is not None and read != choice:
                    message = f"{choice!r} would be read as {read!r}"
                    yield Problem(f"{where}.choices", message, f"write {read}")
        elif isinstance(parameter, IntRange):
            low, high = parameter.low, parameter.high
            if isinstance(low, str) or isinstance(high, str) or low > high:
                continue
            if over := (high - low) % parameter.step:
                hint = f"high: {high - over}, or another step"
                message = f"{parameter.step} does not lead from {low} to {high}"
                yield Problem(f"{where}.step", message, hint)
    for start in space.start_with:
        for name in () if start == "published" else sorted(start.keys() - space.search.keys()):
            hint = "leave it out, or search it"
            yield Problem("start_with", f"{name} is not searched", hint)


def _fixed(space: UncheckedSpace) -> Iterator[Problem]:
    for name, value in space.fixed.items():
        if name in space.search and not space.search[name].when:
            message = "is both searched and fixed"
            yield Problem(f"fixed.{name}", message, "keep one, or say `when` it is searched")
        try:
            Configuration.from_dotted({name: value})
        except InputError as error:
            hint = error.hint if name in _settings() else _which(name)
            yield Problem(f"fixed.{name}", error.message, hint)


def _structure(space: UncheckedSpace) -> Iterator[tuple[Problem, str]]:
    """Names that there are not, and circles; with the parameter."""
    known = space.settings({})
    for name, parameter in space.search.items():
        where = f"search.{name}"
        if name not in _settings():
            yield Problem(where, "there is no such setting", _which(name)), name
        for absent in sorted(parameter.needs() - _settings()):
            message = f"needs {absent!r}, and there is no such setting"
            yield Problem(where, message, _which(absent)), name
        for condition in parameter.when:
            if isinstance(space.search.get(condition), FloatRange):
                yield (
                    Problem(
                        f"{where}.when",
                        f"{condition} is a range of real numbers, which hits a value by luck alone",
                        "make it a choice",
                    ),
                    name,
                )
        if not isinstance(parameter, Choice):
            for end in ("low", "high"):
                bound = getattr(parameter, end)
                numbers = float | int if isinstance(parameter, FloatRange) else int
                if bound in known and not all(
                    isinstance(one, numbers) and not isinstance(one, bool)
                    for one in _possible(space, bound)
                ):
                    message = f"{bound} is not always a number of the same kind"
                    hint = "name a parameter whose every value could be this one's"
                    yield Problem(f"{where}.{end}", message, hint), name
    for name in space.search.keys() - set(_placed(space)):
        if name in (needed := _needed(space, name)):
            circle = ", ".join(sorted(needed - {name})) or "its own condition or end"
            message, hint = f"needs itself, by way of {circle}", "break the circle"
            yield Problem(f"search.{name}", message, hint), name


def _parameter(space: UncheckedSpace, name: str, needed: list[str]) -> Iterator[Problem]:
    """What is wrong with a parameter at any corner of those that it needs; each kind once."""
    parameter, where = space.search[name], f"search.{name}"
    corners = list(islice(_corners(space, needed), _CORNERS + 1))
    if len(corners) > _CORNERS:
        message = f"depends on {len(needed)} others, more than can be checked"
        yield Problem(where, message, "have it depend on fewer")
        return
    at = [values for values in corners if parameter.applies(values)]
    if not at:
        can = "; ".join(
            f"{one} can be {', '.join(str(value) for value in _possible(space, one))}"
            for one in parameter.when
        )
        yield Problem(f"{where}.when", "can never hold", can)
    told = set()
    for values in at:
        for problem in _at_a_corner(name, parameter, values):
            if problem.where not in told:
                told.add(problem.where)
                yield problem


def _at_a_corner(name: str, parameter: Parameter, values: Mapping[str, Any]) -> Iterator[Problem]:
    where = f"search.{name}"
    if isinstance(parameter, Choice):
        for choice in parameter.choices:
            if message := _unfit(name, choice):
                yield Problem(f"{where}.choices", message)
                return
    else:
        low, high = parameter.ends(values)
        needs = sorted(parameter.needs())
        there = f" where {', '.join(f'{one} is {values[one]}' for one in needs)}" if needs else ""
        for end, value in (("low", low), ("high", high)):
            if not math.isfinite(value):
                yield Problem(f"{where}.{end}", f"{value} is no end", "give a finite number")
                return
        if low > high:
            message = f"low is {low} and high is {high}{there}: no value is between them"
            yield Problem(where, message, "low has to be the smaller")
            return
        if isinstance(parameter, FloatRange) and parameter.log and low <= 0:
            hint = "raise low, or leave log out"
            yield Problem(where, f"log needs a low above 0, which {low}{there} is not", hint)
            return
        for end, value in (("low", low), ("high", high)):
            if message := _unfit(name, value):
                yield Problem(f"{where}.{end}", message)
                return
        if isinstance(parameter, FloatRange) and _unfit(name, low + (high - low) * _BETWEEN):
            message = "is a range of real numbers, and the setting is a whole one"
            yield Problem(f"{where}.type", message, "type: int")
            return
    try:
        parameter.distribution(values)
    except ValueError as error:
        yield Problem(where, str(error))


def _start_points(space: UncheckedSpace, unsound: set[str]) -> Iterator[Problem]:
    for start, values in zip(space.start_with, space.start_settings(), strict=True):
        where = "start_with: published" if start == "published" else "start_with"
        for name in _placed(space):
            if name in unsound:
                continue
            parameter = space.search[name]
            default, value = space.settings({})[name], values[name]
            if not parameter.applies(values):
                if value != default:
                    message = f"{name} = {value!r} does not apply there, and is {default!r}"
                    yield Problem(where, message, "leave it out, or mend what it depends on")
            elif not parameter.contains(value, values):
                message = f"{name} = {value!r} is outside the space"
                yield Problem(where, message, "widen the parameter, or name another value")


def _corners(
    space: UncheckedSpace, names: list[str], values: dict[str, Any] | None = None
) -> Iterator[dict[str, Any]]:
    """All settings, for every combination of telling values of these parameters, in order."""
    values = space.settings({}) if values is None else values
    if not names:
        yield values
        return
    first, *rest = names
    if not space.search[first].applies(values):
        yield from _corners(space, rest, values)
        return
    for value in _telling(space, first, values):
        yield from _corners(space, rest, {**values, first: value})


def _telling(space: UncheckedSpace, name: str, values: Mapping[str, Any]) -> list[Any]:
    """The values at which others may change: ends, choices, and what a condition names."""
    parameter = space.search[name]
    if isinstance(parameter, Choice):
        return list(parameter.choices)
    named = [
        value
        for other in space.search.values()
        if name in other.when
        for value in other.wanted(name)
        if parameter.contains(value, values)
    ]
    return list(dict.fromkeys([*parameter.ends(values), *named]))


def _possible(space: UncheckedSpace, name: str) -> list[Any]:
    """Some values that a setting can have, to be told or looked at; without its conditions."""
    parameter = space.search.get(name)
    if isinstance(parameter, Choice):
        return list(parameter.choices)
    if parameter is None:
        return [space.settings({})[name]]
    ends: list[Any] = [end for end in (parameter.low, parameter.high) if not isinstance(end, str)]
    return ends or [0]


def _needed(space: UncheckedSpace, name: str) -> set[str]:
    """The searched parameters that one depends on, also by way of others."""
    needed: set[str] = set()
    new = {name}
    while (
        new := {one for of in new for one in space.search[of].needs() & space.search.keys()}
        - needed
    ):
        needed |= new
    return needed


def _placed(space: UncheckedSpace) -> list[str]:
    """The order of the parameters, without those in a circle and those that need one."""
    try:
        return space.order()
    except ValueError as error:
        circle = str(error).split(", ")
        sound = {name: one for name, one in space.search.items() if name not in circle}
        return space.model_copy(update={"search": sound}).order()


def _unfit(name: str, value: Any) -> str:
    """Why a setting cannot have a value; empty if it can."""
    try:
        Configuration.from_dotted({name: value})
    except InputError as error:
        return error.message
    return ""


def _read(name: str, value: Any) -> Any:
    """What a value becomes in the configuration, None if it does not fit."""
    try:
        return Configuration.from_dotted({name: value}).dotted()[name]
    except (InputError, KeyError):
        return None


def _settings() -> Set[str]:
    return Configuration().dotted().keys()


def _which(name: str) -> str:
    """Which setting may have been meant."""
    close = get_close_matches(name, _settings())
    return f"did you mean {close[0]}?" if close else f"settings are: {', '.join(_settings())}"
