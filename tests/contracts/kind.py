"""What every entry of a table of `model.network` promises in training.

A contract is a class of tests that asks for ``kind``, a name of its table. Give it the names:

    @pytest.mark.parametrize("kind", ["mine"])
    class TestMine(EncoderContract): ...
"""

from typing import ClassVar

import pytest

from model.network.autoencoder import Configuration
from tests.contracts import checks
from tests.model.options import configuration


class KindContract:
    """The claims that are the same for an encoder, an edge decoder, a head and a mask."""

    option: ClassVar[str]  # the setting that names a kind: "encoder.type"

    def config(self, kind: str, **values: object) -> Configuration:
        return configuration(**{self.option: kind, **values})

    def needs_block(self, kind: str) -> bool:
        """Whether a large network refuses the kind."""
        return False

    def test_batched_trains_as_plain(self, kind: str) -> None:
        checks.check_batched_trains_as_plain(self.config(kind))

    def test_batched_scores_as_plain(self, kind: str) -> None:
        checks.check_batched_scores_as_plain(self.config(kind))

    def test_nothing_leaks(self, kind: str) -> None:
        checks.check_nothing_leaks(self.config(kind))

    def test_an_epoch_never_waits(self, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        checks.check_an_epoch_never_waits(self.config(kind), monkeypatch)

    def test_an_epoch_repeats(self, kind: str) -> None:
        checks.check_an_epoch_repeats(self.config(kind))

    def test_large_is_as_dense_or_refused(self, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        if self.needs_block(kind):
            checks.check_large_is_refused(self.config(kind), self.option, monkeypatch)
        else:
            checks.check_sparse_trains_as_dense(self.config(kind), monkeypatch)
