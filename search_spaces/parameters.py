"""The parameters of a search space: ranges and choices, when they apply and where they end.

`values` is always a whole configuration by dotted names: what is searched, fixed, and default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from model.config import Config

if TYPE_CHECKING:  # a trial reads spaces and needs nothing of Optuna
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

EPOCHS = "training.epochs"
Scalar = bool | int | float | str


def _number_or_name(value: Any) -> Any:
    """YAML reads ``1e-6``, which has no point, as text."""
    try:
        return float(value)
    except (TypeError, ValueError):
        if isinstance(value, str):
            return value
        raise ValueError(f"{value!r} is neither a number nor the name of a parameter") from None


def _whole_or_name(value: Any) -> Any:
    number = _number_or_name(value)
    if isinstance(number, str):
        return number
    if not number.is_integer():
        raise ValueError(f"{value!r} is neither a whole number nor the name of a parameter")
    return int(number)


class _Parameter(Config):
    when: dict[str, Scalar | list[Scalar]] = Field(
        default_factory=dict,
        description="other settings and the value, or values, that each must have; if one has"
        " another, this parameter is not searched and keeps its fixed value, or its default",
    )

    def applies(self, values: Mapping[str, Any]) -> bool:
        """Whether the conditions hold."""
        return all(values[name] in self.wanted(name) for name in self.when)

    def wanted(self, name: str) -> list[Scalar]:
        """The values that a condition lets another setting have."""
        wanted = self.when[name]
        return wanted if isinstance(wanted, list) else [wanted]

    def needs(self) -> set[str]:
        """Names of the settings that decide whether it applies, and where it ends."""
        return set(self.when)


class _Range(_Parameter):
    low: float | str
    high: float | str

    def needs(self) -> set[str]:
        return super().needs() | {end for end in (self.low, self.high) if isinstance(end, str)}

    def ends(self, values: Mapping[str, Any]) -> tuple[Any, Any]:
        """Lowest and highest value, where the others have these."""
        low, high = (values[end] if isinstance(end, str) else end for end in (self.low, self.high))
        return low, high


class FloatRange(_Range):
    """A real number, both ends included; an end may be the name of another parameter."""

    type: Literal["float"]
    low: Annotated[float | str, BeforeValidator(_number_or_name)]
    high: Annotated[float | str, BeforeValidator(_number_or_name)]
    log: bool = False

    def contains(self, value: Any, values: Mapping[str, Any]) -> bool:
        low, high = self.ends(values)
        return isinstance(value, int | float) and low <= value <= high

    def distribution(self, values: Mapping[str, Any]) -> FloatDistribution:
        """What Optuna draws from, where the others have these values."""
        from optuna.distributions import FloatDistribution

        low, high = self.ends(values)
        return FloatDistribution(low, high, log=self.log)


class IntRange(_Range):
    """A whole number, both ends included; an end may be the name of another parameter."""

    type: Literal["int"]
    low: Annotated[int | str, BeforeValidator(_whole_or_name)]
    high: Annotated[int | str, BeforeValidator(_whole_or_name)]
    step: int = Field(1, ge=1)

    def contains(self, value: Any, values: Mapping[str, Any]) -> bool:
        low, high = self.ends(values)
        inside = isinstance(value, int) and low <= value <= high
        return inside and (value - low) % self.step == 0

    def distribution(self, values: Mapping[str, Any]) -> IntDistribution:
        """What Optuna draws from, where the others have these values."""
        from optuna.distributions import IntDistribution

        low, high = self.ends(values)
        # Optuna does the same, and warns each time.
        return IntDistribution(low, high - (high - low) % self.step, step=self.step)


class Choice(_Parameter):
    """One of a few values."""

    type: Literal["choice"]
    choices: list[Scalar] = Field(min_length=2)

    def contains(self, value: Any, values: Mapping[str, Any]) -> bool:
        return value in self.choices

    def distribution(self, values: Mapping[str, Any]) -> CategoricalDistribution:
        """What Optuna draws from, whatever values the others have."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.choices)


Parameter = Annotated[FloatRange | IntRange | Choice, Field(discriminator="type")]
