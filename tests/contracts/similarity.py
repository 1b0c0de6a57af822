"""The contract of a way to a similarity: an entry of `WAYS`.

A contract is a class of tests that asks for ``kind``, a name of its table, and writes an example of
its files; each has to describe four things or more:

    @pytest.mark.parametrize("kind", ["mine"])
    class TestMine(SimilarityContract):
        def files(self, kind: str, folder: Path) -> list[Path]: ...
"""

from pathlib import Path

import numpy as np
import pytest

from model.data.kinds import kind_of
from model.data.similarity.interface import Similarity, make
from model.data.similarity.ways import WAYS
from model.data.similarity.writing import write
from model.data.similarity_file import read_similarity
from model.errors import InputError


class SimilarityContract:
    """What models and baselines take a similarity for."""

    def files(self, kind: str, folder: Path) -> list[Path]:
        raise NotImplementedError

    def made(self, kind: str, folder: Path) -> Similarity:
        return make(WAYS[kind], self.files(kind, folder), [], lambda done, total: None)

    def test_it_is_a_similarity(self, kind: str, tmp_path: Path) -> None:
        made = self.made(kind, tmp_path)
        values = made.values
        assert len(set(made.names)) == len(made.names) >= 4
        assert values.dtype == np.float64
        assert values.shape == (len(made.names),) * 2
        np.testing.assert_array_equal(values, values.T)
        np.testing.assert_array_equal(values.diagonal(), 1)
        assert values.min() >= 0
        assert values.max() == 1

    def test_it_tells_things_apart(self, kind: str, tmp_path: Path) -> None:
        values = self.made(kind, tmp_path).values
        assert np.ptp(values[~np.eye(len(values), dtype=bool)]) > 0.01

    def test_it_is_deterministic(self, kind: str, tmp_path: Path) -> None:
        first, second = self.made(kind, tmp_path), self.made(kind, tmp_path)
        assert first.names == second.names
        np.testing.assert_array_equal(first.values, second.values)

    def test_it_says_what_it_did(self, kind: str, tmp_path: Path) -> None:
        said = self.made(kind, tmp_path).said
        assert said
        assert all(line.strip() and "\n" not in line for line in said)

    def test_it_reads_back(self, kind: str, tmp_path: Path) -> None:
        made = self.made(kind, tmp_path)
        names, values = read_similarity(write(made, tmp_path, "thing"), kind_of("thing"))
        assert tuple(names) == made.names
        np.testing.assert_array_equal(values, made.values)

    def test_progress_ends_at_its_end(self, kind: str, tmp_path: Path) -> None:
        told: list[tuple[int, int]] = []
        make(WAYS[kind], self.files(kind, tmp_path), [], lambda *one: told.append(one))
        assert told == sorted(told)
        assert len({total for _, total in told}) == 1
        assert told[-1][0] == told[-1][1]

    @pytest.mark.parametrize("text", ["", "\x00\xff", "a", ",\n,\n", "name,x\n"])
    def test_what_is_no_file_of_it_is_refused(self, kind: str, tmp_path: Path, text: str) -> None:
        """In lines that name the file, and not by another exception."""
        files = self.files(kind, tmp_path)
        files[0].write_bytes(text.encode("latin-1"))
        with pytest.raises(InputError) as caught:
            make(WAYS[kind], files, [], lambda done, total: None)
        assert str(files[0]) in caught.value.where
