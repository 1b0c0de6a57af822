"""What a search space says, before `search_spaces.schema` has checked it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from model.config import Config
from model.network.autoencoder import Configuration
from search_spaces.parameters import EPOCHS, IntRange, Parameter, Scalar
from search_spaces.schedule import Schedule

_DEFAULTS = Configuration().dotted()


class UncheckedSpace(Config):
    """What is searched, what is fixed, where the search starts."""

    description: str
    schedule: Schedule = Schedule()
    fixed: dict[str, Scalar] = Field(default_factory=dict)
    search: dict[str, Parameter] = Field(min_length=1)
    start_with: list[Literal["published"] | dict[str, Scalar]] = Field(default_factory=list)

    @property
    def max_epochs(self) -> int:
        """Epochs of the longest trial the space allows."""
        return max(self.budgets())

    def budgets(self) -> list[int]:
        """Numbers of epochs that a trial may have, each as likely where it is drawn at random.

        More than one only in spaces that an earlier version recorded.
        """
        epochs = self.search.get(EPOCHS)
        if epochs is None:
            return [self.configuration({}).training.epochs]
        if epochs.type == "choice":
            return [int(choice) for choice in epochs.choices]
        low, high = epochs.ends(self.settings({}))
        if isinstance(epochs, IntRange):
            return list(range(low, high + 1, epochs.step))
        return [int(low), int(high)]

    def order(self) -> list[str]:
        """The searched parameters, each after those that it needs: first those that need none.

        Raises:
            ValueError: some need each other.
        """
        order: list[str] = []
        left = list(self.search)
        while left:
            ready = [name for name in left if self.search[name].needs().isdisjoint(left)]
            if not ready:
                raise ValueError(", ".join(left))
            order += ready
            left = [name for name in left if name not in ready]
        return order

    def settings(self, searched: Mapping[str, Scalar]) -> dict[str, Any]:
        """Every setting by dotted name: searched values over fixed ones over defaults."""
        return {**_DEFAULTS, **self.fixed, **searched}

    def configuration(self, searched: Mapping[str, Scalar]) -> Configuration:
        """The configuration of one point, which has values for the parameters that apply to it."""
        return Configuration.from_dotted({**self.fixed, **searched})

    def point(self, values: Mapping[str, Any]) -> dict[str, Scalar]:
        """Of a whole configuration by dotted names, the searched parameters that apply to it."""
        return {name: values[name] for name in self.order() if self.search[name].applies(values)}

    def is_published(self, searched: Mapping[str, Scalar]) -> bool:
        """Whether a point is the published model at this space's longest budget."""
        return self.configuration(searched) == Configuration.published(epochs=self.max_epochs)

    def start_points(self) -> list[dict[str, Scalar]]:
        """The points to evaluate first, completed by fixed values and defaults.

        ``published`` is the published model at this space's longest budget.
        """
        return [self.point(values) for values in self.start_settings()]

    def start_settings(self) -> list[dict[str, Any]]:
        """Every setting of each point to evaluate first."""
        return [
            # max_epochs looks at the search alone, so it is safe before validation ends.
            Configuration.published(epochs=self.max_epochs).dotted()
            if start == "published"
            else self.settings(start)
            for start in self.start_with
        ]
