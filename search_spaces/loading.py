"""Finding and reading search space files."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ValidationError

from model.errors import InputError
from search_spaces.schema import SearchSpace

_SHIPPED = Path(__file__).parent


def shipped_spaces() -> list[str]:
    """Names of the spaces that come with the project."""
    return sorted(path.stem for path in _SHIPPED.glob("*.yaml"))


def load_space(name_or_path: str) -> SearchSpace:
    """Read a shipped space by name, or a user's own by the path of its YAML file.

    Raises:
        InputError: no such space, or the file does not describe one; ``where`` names the file and
            the entry.
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = _SHIPPED / f"{name_or_path}.yaml"
        if not path.is_file():
            names = ", ".join(shipped_spaces())
            hint = f"one of {names}, or the path of a .yaml file"
            raise InputError(f"unknown search space {name_or_path!r}", where="--space", hint=hint)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = " ".join(str(error).split())
        raise InputError(f"is not YAML: {line}", where=str(path)) from None
    try:
        return SearchSpace.model_validate(content)
    except InputError as error:
        where = f"{path}: {error.where}"
        raise InputError(error.message, where=where, hint=error.hint) from None
    except ValidationError as error:
        first = error.errors()[0]
        entry = ".".join(str(part) for part in first["loc"])
        where = f"{path}: {entry}" if entry else str(path)
        raise InputError(first["msg"], where=where) from None
