"""The base of every frozen configuration, and its dotted names (``encoder.hidden_dim``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from model.errors import InputError


class Config(BaseModel):
    """A frozen configuration: unknown fields are refused, values are checked on construction."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def from_dotted(cls, values: Mapping[str, Any]) -> Self:
        """Build from dotted names, e.g. ``{"encoder.type": "gin", "mask.rate": 0.4}``.

        Raises:
            InputError: an unknown name or a value out of range; ``where`` is the dotted name.
        """
        nested: dict[str, Any] = {}
        for name, value in values.items():
            *path, leaf = name.split(".")
            branch = nested
            for key in path:
                branch = branch.setdefault(key, {})
            branch[leaf] = value
        try:
            return cls.model_validate(nested)
        except ValidationError as error:
            raise _as_input_error(error, cls) from None

    def dotted(self) -> dict[str, Any]:
        """Every value under its dotted name, in the order of the fields."""
        flat: dict[str, Any] = {}
        for name, value in self:
            if isinstance(value, Config):
                flat.update({f"{name}.{leaf}": inner for leaf, inner in value.dotted().items()})
            else:
                flat[name] = value
        return flat


def _as_input_error(error: ValidationError, cls: type[Config]) -> InputError:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        names = ", ".join(cls().dotted())
        return InputError("there is no such setting", where=where, hint=f"settings are: {names}")
    return InputError(f"{first['msg']}, got {first['input']!r}", where=where)
