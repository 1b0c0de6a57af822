"""What a search space file may say, checked before anything starts.

A space names settings of `model.network.autoencoder.Configuration` by their dotted names. What it
neither searches nor fixes keeps the configuration's default.
"""

from __future__ import annotations

from typing import Self

from pydantic import ValidationInfo, model_validator

from search_spaces.checks import problems, problems_of_a_file, refuse
from search_spaces.unchecked import UncheckedSpace

FOUND = "problems"  # in the context of a validation: a list, for the problems of a file


class SearchSpace(UncheckedSpace):
    """A search space: what is searched, what is fixed, where the search starts.

    A parameter may have conditions (``when: {head.type: propagation}``), and the name of another
    one as its lowest or highest value (``high: encoder.hidden_dim``).

    Raises:
        InputError: nobody can sample it, or it does not fit the configuration; says all that is
            amiss.
    """

    @model_validator(mode="after")
    def _can_be_sampled(self, info: ValidationInfo) -> Self:
        found = None if info.context is None else info.context[FOUND]
        if found is None:
            refuse(problems(self))
        else:
            found += [*problems(self), *problems_of_a_file(self)]
        return self
