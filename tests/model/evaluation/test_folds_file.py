"""Folds as a file: they come back equal, and predictions on them get the figures of a baseline."""

import csv
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.baselines.additive_degree import additive_degree
from model.baselines.registry import evaluate_baseline, score_node_pairs
from model.data.datasets import AssociationDataset
from model.data.kinds import DEFAULT_KINDS
from model.data.synthetic import demo
from model.errors import InputError
from model.evaluation.folds import Fold, Protocol, development_folds, sealed_fold
from model.evaluation.folds_file import FoldsFile, read_folds
from model.evaluation.predictions_file import COLUMNS, evaluate_predictions
from model.evaluation.protocols import DAESTB, HONEST, PAPER, PROTOCOLS, case_study

pytestmark = pytest.mark.heavy

Rows = list[list[str]]


@pytest.fixture(scope="module")
def dataset() -> AssociationDataset:
    return demo()


@pytest.fixture
def exported(tiny: AssociationDataset) -> FoldsFile:
    return FoldsFile.of(tiny, HONEST, 0)


def written(folds: FoldsFile, path: Path) -> Path:
    folds.write(path)
    return path


def write_csv(path: Path, rows: Rows) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def all_rows(folds: FoldsFile, score: Callable[[str, str], float] = lambda a, b: 0.5) -> Rows:
    """A predictions file for these folds, as somebody would write it who has the JSON alone."""
    return [list(COLUMNS)] + [
        [str(fold.fold), first, second, repr(score(first, second))]
        for fold in folds.folds
        for first, second in (*fold.held_out, *fold.ranked_against)
    ]


@pytest.mark.parametrize(
    "protocol", [*PROTOCOLS.values(), case_study("demo-sm-02")], ids=lambda p: p.name
)
def test_folds_come_back_equal(
    protocol: Protocol, dataset: AssociationDataset, tmp_path: Path
) -> None:
    path = written(FoldsFile.of(dataset, protocol, 3), tmp_path / "folds.json")
    for mine, theirs in zip(
        read_folds(path).to_folds(), development_folds(dataset, protocol, 3), strict=True
    ):
        for field in dataclasses.fields(Fold):
            assert np.array_equal(getattr(mine, field.name), getattr(theirs, field.name))
    assert [file.name for file in tmp_path.iterdir()] == ["folds.json"]


def test_the_file_is_json_of_names(tiny: AssociationDataset, tmp_path: Path) -> None:
    path = written(FoldsFile.of(tiny, HONEST, 2), tmp_path / "folds.json")
    document = json.loads(path.read_text())
    assert document["data_hash"] == tiny.content_hash
    assert (document["protocol"], document["seed"], document["dataset"]) == ("honest", 2, "tiny")
    assert document["meaning"] == HONEST.in_words_of(DEFAULT_KINDS).meaning
    fold = document["folds"][4]
    assert fold["fold"] == 4
    mirna, molecule = development_folds(tiny, HONEST, 2)[4].held_out[:, 0]
    expected = [tiny.rows[mirna], tiny.columns[molecule - 12]]
    assert fold["held_out"][0] == expected
    # One pair a line: a person can read it, and a diff shows what differs.
    assert json.dumps(expected) in [line.rstrip(",\n") for line in path.open()]


def test_the_same_folds_are_the_same_file(tiny: AssociationDataset, tmp_path: Path) -> None:
    first = written(FoldsFile.of(tiny, HONEST, 0), tmp_path / "a.json").read_bytes()
    assert written(FoldsFile.of(tiny, HONEST, 0), tmp_path / "b.json").read_bytes() == first
    assert written(FoldsFile.of(tiny, HONEST, 1), tmp_path / "b.json").read_bytes() != first


def test_the_sealed_part_is_not_in_the_file(dataset: AssociationDataset) -> None:
    sealed = sealed_fold(dataset, HONEST, 0).held_out.T - [0, len(dataset.rows)]
    names = {(dataset.rows[i], dataset.columns[j]) for i, j in sealed}
    assert len(names) > 50
    for fold in FoldsFile.of(dataset, HONEST, 0).folds:
        assert names.isdisjoint({*fold.train, *fold.held_out, *fold.ranked_against})


@pytest.mark.parametrize("protocol", [HONEST, PAPER, DAESTB], ids=lambda p: p.name)
def test_an_outsiders_scores_get_the_figures_of_the_baseline(
    protocol: Protocol, dataset: AssociationDataset, tmp_path: Path
) -> None:
    """Count associations with nothing but the file, shuffle the rows, swap names: same figures."""
    path = written(FoldsFile.of(dataset, protocol, 1), tmp_path / "folds.json")
    document = json.loads(path.read_text())
    of_rows = set(document["rows"])
    rows = [["score", "second", "fold", "first"]]
    for fold in document["folds"]:
        degree = dict.fromkeys(document["rows"] + document["columns"], 0)
        for pair in fold["train"]:
            for name in pair:
                degree[name] += 1
        for first, second in fold["ranked_against"] + fold["held_out"]:
            # As in the baseline: two nodes of one side score below every real pair.
            real = (first in of_rows) != (second in of_rows)
            score = degree[first] + degree[second] if real else -1
            names = (first, second) if len(rows) % 2 else (second, first)
            rows.append([str(score), names[0], str(fold["fold"]), names[1]])
    shuffled = [rows[0], *np.random.default_rng(0).permutation(rows[1:]).tolist()]
    outside = evaluate_predictions(read_folds(path), write_csv(tmp_path / "p.csv", shuffled))
    inside = evaluate_baseline(
        additive_degree, dataset, development_folds(dataset, protocol, seed=1)
    )
    assert 0.6 < inside.summary()["auc"] < 1
    for mine, theirs in zip(outside.folds, inside.folds, strict=True):
        assert mine == pytest.approx(theirs, nan_ok=True, abs=0)


def test_scores_survive_the_file_to_the_last_bit(
    tiny: AssociationDataset, exported: FoldsFile, tmp_path: Path
) -> None:
    """Scores that are no round numbers, and a threshold for the indicators."""
    table = np.random.default_rng(5).random((12, 6))
    names = (*tiny.rows, *tiny.columns)

    def score(first: str, second: str) -> float:
        return float(table[names.index(first), names.index(second) - 12])

    path = write_csv(tmp_path / "p.csv", all_rows(exported, score))
    measured = evaluate_predictions(exported, path, threshold=0.5)
    baseline = evaluate_baseline(lambda dataset, fold: table, tiny, exported.to_folds())
    assert [fold["ap"] for fold in measured.folds] == [fold["ap"] for fold in baseline.folds]
    held_out = exported.to_folds()[2].held_out
    expected = np.mean(score_node_pairs(table)(held_out) >= 0.5)
    assert measured.folds[2]["sen"] == expected


def test_scores_of_other_pairs_are_passed_over(exported: FoldsFile, tmp_path: Path) -> None:
    first, second = exported.folds[0].train[0]
    rows = [*all_rows(exported), ["0", first, second, "7"], ["0", first, first, "7"]]
    measured = evaluate_predictions(exported, write_csv(tmp_path / "p.csv", rows))
    assert measured.summary()["auc"] == 0.5


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda rows: rows[7].__setitem__(3, "nan"), ["'nan' is not a finite", "row 8, column 4"]),
        (
            lambda rows: rows[7].__setitem__(3, "high"),
            ["'high' is not a finite", "row 8"],
        ),
        (lambda rows: rows[7].__setitem__(3, ""), ["'' is not a finite", "row 8"]),
        (lambda rows: rows[3].__setitem__(1, "t-mir-99"), ["'t-mir-99'", "row 4, column 2"]),
        (lambda rows: rows[3].__setitem__(2, "sm-99"), ["'sm-99'", "row 4, column 3"]),
        (lambda rows: rows[3].__setitem__(0, "5"), ["no fold '5'", "row 4, column 1", "0 to 4"]),
        (lambda rows: rows[3].__setitem__(0, "one"), ["no fold 'one'", "row 4, column 1"]),
        (lambda rows: rows.append(rows[5]), ["a second score for 't-mir", "row 230"]),
        (
            lambda rows: rows.append(["0", rows[5][2], rows[5][1], "1"]),
            ["a second score for 'sm-", "row 230"],
        ),
        (lambda rows: rows[0].__setitem__(1, "mirna"), ["mirna, second", "row 1", "first, second"]),
        (lambda rows: rows.pop(), ["fold 4: 1 of ", "have no score", "'t-mir-10' and 'sm-2'"]),
        (lambda rows: rows.__delitem__(slice(1, 3)), ["fold 0: 2 of ", "have no score"]),
        (lambda rows: rows[6].pop(), ["ragged", "row 7"]),
    ],
)
def test_predictions_that_cannot_be_used(
    change: Callable[[Rows], object], parts: list[str], exported: FoldsFile, tmp_path: Path
) -> None:
    rows = all_rows(exported)
    change(rows)
    path = write_csv(tmp_path / "p.csv", rows)
    with pytest.raises(InputError) as caught:
        evaluate_predictions(exported, path)
    for part in [str(path), *parts]:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda d: d.pop("seed"), "seed"),
        (lambda d: d.update(format="mmatune folds 9"), "format"),
        (lambda d: d["folds"].pop(0), "fold 1 is where fold 0 belongs"),
        (lambda d: d["folds"][1]["train_groups"].pop(), "fold 1: train and train_groups differ"),
        (lambda d: d["folds"][2]["held_out"][0].__setitem__(0, "x"), "fold 2: 'x' is not among"),
        (lambda d: d["folds"][2].update(held_out=[]), "folds.2.held_out"),
        (lambda d: d["folds"][2]["ranked_against"][3].pop(), "folds.2.ranked_against.3"),
        (lambda d: d.update(balance="2:1"), "balance"),
    ],
)
def test_a_file_that_holds_no_folds(
    change: Callable[[dict], object], part: str, exported: FoldsFile, tmp_path: Path
) -> None:
    path = written(exported, tmp_path / "folds.json")
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=part) as caught:
        read_folds(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_cut_off(exported: FoldsFile, tmp_path: Path) -> None:
    path = written(exported, tmp_path / "folds.json")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="not a file of folds: Invalid JSON"):
        read_folds(path)


def test_where_it_cannot_be_written(exported: FoldsFile, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written: No such file"):
        exported.write(tmp_path / "nowhere" / "folds.json")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot be written: Is a directory"):
        exported.write(tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_name_of_both_sides_cannot_be_written(tiny: AssociationDataset) -> None:
    both = dataclasses.replace(tiny, columns=("t-mir-4", *tiny.columns[1:]))
    with pytest.raises(InputError, match="'t-mir-4' names a miRNA and a small molecule"):
        FoldsFile.of(both, HONEST, 0)
