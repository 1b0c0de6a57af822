"""What a search space file may say, checked before anything starts.

A space names settings of `model.network.autoencoder.Configuration` by their dotted names. What it
neither searches nor fixes keeps the configuration's default.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from model.config import Config
from model.network.autoencoder import Configuration

Scalar = bool | int | float | str


class FloatRange(Config):
    """A real number, both ends included."""

    type: Literal["float"]
    low: float
    high: float
    log: bool = False

    def ends(self) -> list[Scalar]:
        return [self.low, self.high]

    def contains(self, value: Any) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high


class IntRange(Config):
    """A whole number, both ends included."""

    type: Literal["int"]
    low: int
    high: int
    step: int = Field(1, ge=1)

    def ends(self) -> list[Scalar]:
        return [self.low, self.high]

    def contains(self, value: Any) -> bool:
        inside = isinstance(value, int) and self.low <= value <= self.high
        return inside and (value - self.low) % self.step == 0


class Choice(Config):
    """One of a few values."""

    type: Literal["choice"]
    choices: list[Scalar] = Field(min_length=2)

    def ends(self) -> list[Scalar]:
        return self.choices

    def contains(self, value: Any) -> bool:
        return value in self.choices


Parameter = Annotated[FloatRange | IntRange | Choice, Field(discriminator="type")]


class Schedule(Config):
    """When a trial reports, and when the scheduler may stop it (ASHA)."""

    report_every: int = Field(20, ge=1, description="epochs between two evaluations")
    first_rung: int = Field(20, ge=1, description="epochs a trial trains before it may be stopped")
    reduction_factor: int = Field(3, ge=2, description="of this many trials a rung lets one go on")

    @model_validator(mode="after")
    def _rungs_are_reported(self) -> Self:
        if self.first_rung % self.report_every:
            raise ValueError("first_rung must be a multiple of report_every")
        return self

    def rungs(self, max_epochs: int) -> list[int]:
        """Epochs at which the scheduler decides, below ``max_epochs``."""
        rungs = []
        epoch = self.first_rung
        while epoch < max_epochs:
            rungs.append(epoch)
            epoch *= self.reduction_factor
        return rungs


class SearchSpace(Config):
    """A search space: what is searched, what is fixed, where the search starts."""

    description: str
    schedule: Schedule = Schedule()
    fixed: dict[str, Scalar] = Field(default_factory=dict)
    search: dict[str, Parameter] = Field(min_length=1)
    start_with: list[Literal["published"] | dict[str, Scalar]] = Field(default_factory=list)

    @model_validator(mode="after")
    def _fits_the_configuration(self) -> Self:
        both = self.search.keys() & self.fixed.keys()
        if both:
            raise ValueError(f"both searched and fixed: {', '.join(sorted(both))}")
        for name, parameter in self.search.items():
            for value in parameter.ends():
                Configuration.from_dotted({**self.fixed, name: value})
        if self.schedule.first_rung > self.max_epochs:
            raise ValueError(
                f"schedule.first_rung is {self.schedule.first_rung} epochs, after the end of the"
                f" longest trial ({self.max_epochs} epochs)"
            )
        for point in self.start_points():
            outside = [name for name in self.search if not self.search[name].contains(point[name])]
            if outside:
                name = outside[0]
                raise ValueError(f"start_with: {name} = {point[name]!r} is outside the space")
        return self

    @property
    def max_epochs(self) -> int:
        """Epochs of the longest trial the space allows."""
        return max(self.budgets())

    def budgets(self) -> list[int]:
        """Numbers of epochs that a trial may have, each as likely where it is drawn at random."""
        epochs = self.search.get("training.epochs")
        if epochs is None:
            return [self.configuration({}).training.epochs]
        if isinstance(epochs, IntRange):
            return list(range(epochs.low, epochs.high + 1, epochs.step))
        return [int(end) for end in epochs.ends()]

    def configuration(self, searched: dict[str, Scalar]) -> Configuration:
        """The configuration of one point: searched values over fixed ones over defaults."""
        return Configuration.from_dotted({**self.fixed, **searched})

    def is_published(self, searched: dict[str, Scalar]) -> bool:
        """Whether a point is the published model at this space's longest budget."""
        return self.configuration(searched) == Configuration.published(epochs=self.max_epochs)

    def start_points(self) -> list[dict[str, Scalar]]:
        """The points to evaluate first, each with a value for every searched parameter.

        ``published`` is the published model at this space's longest budget.
        """
        points = []
        for start in self.start_with:
            if start == "published":
                # max_epochs looks at the search alone, so it is safe before validation ends.
                values = Configuration.published(epochs=self.max_epochs).dotted()
            else:
                values = {**self.configuration({}).dotted(), **start}
            points.append({name: values[name] for name in self.search})
        return points
