"""Named priors: points that a person chose on some data, with that history (``priors.yaml``)."""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from pathlib import Path

import yaml

from model.config import Config
from model.data.datasets import AssociationDataset
from search_spaces.parameters import Scalar

FILE = Path(__file__).with_name("priors.yaml")


class ChosenOn(Config):
    """Data that points were chosen on: their content hash and a sketch of their associations."""

    hash: str
    pairs: str

    def is_in(self, dataset: AssociationDataset) -> bool:
        """Whether the data are these, or have associations of them.

        Data that call their miRNAs or small molecules otherwise are not recognised.
        """
        sketch = set(self.pairs.split())
        return dataset.content_hash == self.hash or not sketch.isdisjoint(fingerprints(dataset))


class Prior(Config):
    """A point and how it was chosen.

    Args:
        space: the shipped space whose searches on other data begin with it.
        chosen_on: an entry of `Priors.data`.
        point: searched parameters by dotted name; what it leaves out has its default.
    """

    space: str
    chosen_on: str
    history: str
    point: dict[str, Scalar]


class Priors(Config):
    """The file."""

    data: dict[str, ChosenOn]
    priors: dict[str, Prior]

    def is_chosen_on(self, name: str, dataset: AssociationDataset) -> bool:
        """Whether a prior was chosen on these data, or on some that share associations."""
        return self.data[self.priors[name].chosen_on].is_in(dataset)


@cache
def shipped_priors() -> Priors:
    """The priors that come with the project."""
    return Priors.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))


def fingerprints(dataset: AssociationDataset) -> set[str]:
    """Eight hexadecimal digits for each association, made of its two names in lower case."""
    return {
        blake2b(
            f"{dataset.rows[row]}\t{dataset.columns[column]}".lower().encode(),
            digest_size=4,
        ).hexdigest()
        for row, column in dataset.association_pairs
    }
