"""Numeric features, and the mean of several similarities."""

from pathlib import Path

import numpy as np
import pytest

from tests.model.data.similarity.made import made, problems

NUMBERS = np.array([[1.0, 200, 7, 0], [2, 100, 7, 1], [4, 300, 7, 1], [0, 0, 7, 0.5]])


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "features.csv"
    rows = [f"t{row}," + ",".join(map(str, numbers)) for row, numbers in enumerate(NUMBERS)]
    path.write_text("\n".join(["thing,a,b,c,d", *rows]))
    return path


def scaled() -> np.ndarray:
    varying = NUMBERS[:, [0, 1, 3]]
    return (varying - varying.mean(axis=0)) / varying.std(axis=0)


def test_the_gaussian_of_scaled_features(table: Path) -> None:
    similarity = made("features", table)
    assert similarity.names == ("t0", "t1", "t2", "t3")
    apart = ((scaled()[:, None] - scaled()[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(similarity.values, np.exp(-apart / 3), rtol=0, atol=1e-12)
    assert "left out, the same for all: c" in similarity.said
    wide = made("features", table, settings=["gamma=0.01"])
    np.testing.assert_allclose(wide.values, np.exp(-apart / 100), rtol=0, atol=1e-12)


def test_the_cosine_of_scaled_features(table: Path) -> None:
    directions = scaled() / np.linalg.norm(scaled(), axis=1, keepdims=True)
    expected = (1 + directions @ directions.T) / 2
    similarity = made("features", table, settings=["measure=cosine"])
    np.testing.assert_allclose(similarity.values, expected, rtol=0, atol=1e-12)


def test_cells_that_are_no_numbers_are_all_named(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("thing,a,b\nt0,1,nan\nt1,,2\nt0,3,inf\n")
    lines = problems("features", path)
    assert len(lines) == 4
    assert "row 2, column 3: 'nan' is not a finite number - give every cell" in "\n".join(lines)
    assert "row 3, column 2: '' is not a finite number" in "\n".join(lines)
    assert "row 4, column 3: 'inf' is not a finite number" in "\n".join(lines)
    assert "duplicate thing name 't0', already at row 2" in "\n".join(lines)


def test_features_that_say_nothing_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("thing,a\nt0,1\nt1,1\n")
    (line,) = problems("features", path)
    assert "every feature is the same for all things" in line
    path.write_text("thing,a\nt0,1\nt1,2\nt2,3\n")
    (line,) = problems("features", path, settings=["measure=cosine"])
    assert "row 3: 't1' has the mean of every feature" in line


def test_the_mean_is_of_each_pairs_own_files(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text(",a,b,c\na,1,0.2,0.4\nb,0.2,1,0\nc,0.4,0,1\n")
    (tmp_path / "two.csv").write_text(",c,a,d\nc,1,0.8,0.1\na,0.8,1,0.3\nd,0.1,0.3,1\n")
    (tmp_path / "three.csv").write_text(",b,d\nb,1,0.5\nd,0.5,1\n")
    files = [tmp_path / f"{name}.csv" for name in ("one", "two", "three")]
    similarity = made("mean", *files)
    assert similarity.names == ("a", "b", "c", "d")
    expected = [[1, 0.2, 0.6, 0.3], [0.2, 1, 0, 0.5], [0.6, 0, 1, 0.1], [0.3, 0.5, 0.1, 1]]
    np.testing.assert_allclose(similarity.values, expected, rtol=0, atol=1e-15)
    assert "two.csv lacks 1 of 4: 'b'" in similarity.said
    assert "three.csv lacks 2 of 4: 'a', 'c'" in similarity.said
    (line,) = problems("mean", *files[:2])
    assert "no file holds 'b' together with 'd'" in line


def test_a_mean_of_other_scales_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text(",a,b\na,100,20\nb,20,100\n")
    (tmp_path / "two.csv").write_text(",a,b\na,1,-0.2\nb,-0.2,1\n")
    lines = problems("mean", tmp_path / "one.csv", tmp_path / "two.csv")
    assert len(lines) == 2
    assert "values go from 20 to 100" in lines[0]
    assert "values go from -0.2 to 1" in lines[1]


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        (["gama=1"], "there is no setting 'gama' - did you mean gamma?"),
        (["gamma"], "is not of the form name=value"),
        (["gamma=-1"], "--set gamma=-1: Input should be greater than 0"),
        (["measure=euclid"], "--set measure=euclid: Input should be 'rbf' or 'cosine'"),
        (["gamma=1", "gamma=2"], "gamma is set twice"),
    ],
)
def test_settings_that_are_none_are_refused(table: Path, settings: list[str], shown: str) -> None:
    (line,) = problems("features", table, settings=settings)
    assert shown in line


def test_the_number_of_files_and_the_settings_are_told_at_once(table: Path) -> None:
    lines = problems("features", table, table, settings=["x=1", "gamma=0", "y=2"])
    assert "2 files given, but this way takes TABLE - settings, with --set: measure=rbf" in lines[0]
    assert len(lines) == 3
    (line,) = problems("mean", table)
    assert "1 file given, but this way takes SIMILARITY SIMILARITY..." in line
