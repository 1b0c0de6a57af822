"""Which baselines a command measures: some take minutes on large data."""

from __future__ import annotations

from difflib import get_close_matches

from model.baselines.registry import BASELINES, core
from model.errors import InputError


def chosen_baselines(text: str) -> tuple[str, ...]:
    """The baselines that a user means, each once, in the order given.

    Args:
        text: "core", "all", "none", or names and "core" with commas between them.

    Raises:
        InputError: a name is none of a baseline; it says all such names.
    """
    if text.strip() == "none":
        return ()
    if text.strip() == "all":
        return tuple(BASELINES)
    found: list[str] = []
    for name in (part.strip() for part in text.split(",")):
        found += core() if name == "core" else [name]
    unknown = [name for name in found if name not in BASELINES]
    if unknown:
        close = [get_close_matches(name, list(BASELINES), n=1) for name in unknown]
        guesses = [names[0] for names in close if names]
        hint = f"did you mean {', '.join(guesses)}?" if len(guesses) == len(unknown) else ""
        raise InputError(
            f"unknown baseline {', '.join(map(repr, unknown))}",
            where="--baselines",
            hint=hint or f"core, all, none, or some of {', '.join(BASELINES)}",
        )
    return tuple(dict.fromkeys(found))
