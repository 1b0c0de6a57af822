"""Finding and reading search space files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from model.errors import InputError
from search_spaces.checks import Problem, refuse
from search_spaces.priors import FILE as PRIORS
from search_spaces.schema import FOUND, SearchSpace
from search_spaces.yaml_file import read_yaml

_TAGS = ("float", "int", "choice")  # pydantic puts a parameter's type between its name and field
_SHIPPED = Path(__file__).parent


def shipped_spaces() -> list[str]:
    """Names of the spaces that come with the project."""
    return sorted(path.stem for path in _SHIPPED.glob("*.yaml") if path != PRIORS)


def load_space(name_or_path: str) -> SearchSpace:
    """Read a shipped space by name, or a user's own by the path of its YAML file.

    Raises:
        InputError: no such space, or the file does not describe one that can be searched; says all
            that is wrong, with the entry of each.
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = _SHIPPED / f"{name_or_path}.yaml"
        if not path.is_file() or path == PRIORS:
            names = ", ".join(shipped_spaces())
            hint = f"one of {names}, or the path of a .yaml file"
            raise InputError(f"unknown search space {name_or_path!r}", where="--space", hint=hint)
    content = read_yaml(path)
    found: list[Problem] = []
    try:
        space = SearchSpace.model_validate(content, context={FOUND: found})
    except ValidationError as error:
        refuse([*_problems(error), *_problems_of_the_rest(content, error)], str(path))
        raise  # there is no error without a problem
    refuse(found, str(path))
    return space


def _problems(error: ValidationError) -> list[Problem]:
    """What pydantic says, under the entries of the file."""
    return [
        Problem(
            ".".join(str(part) for part in one["loc"] if part not in _TAGS),
            one["msg"].removeprefix("Value error, "),
        )
        for one in error.errors()
    ]


def _problems_of_the_rest(content: Any, error: ValidationError) -> list[Problem]:
    """What is wrong with the parameters that pydantic can read, so that all is told at once."""
    places = [one["loc"] for one in error.errors()]
    if not isinstance(content, dict) or any(place[:1] != ("search",) for place in places):
        return []
    if not isinstance(content.get("search"), dict):
        return []
    unread = {place[1] for place in places if len(place) > 1}
    rest = {name: one for name, one in content["search"].items() if name not in unread}
    found: list[Problem] = []
    try:
        SearchSpace.model_validate(
            {**content, "search": rest, "start_with": []}, context={FOUND: found}
        )
    except ValidationError:
        return []
    return found
