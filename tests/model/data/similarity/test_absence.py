"""Sides without a similarity: what they are read as, and what is said of them."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from model.baselines.registry import BASELINES, COMPARED
from model.data.datasets import AssociationDataset
from model.data.kinds import kind_of
from model.data.similarity import absence
from model.data.similarity.absence import absences, is_absent
from model.data.synthetic import demo
from model.data.user_data import load_user_folder, write_user_folder
from model.errors import InputError
from model.evaluation.fitness import findings, unusable_protocols
from model.evaluation.folds import development_folds
from model.evaluation.protocols import HONEST, case_study
from model.network.autoencoder import Configuration
from model.training.cross_validation import CrossValidation
from tests.contracts.networks import tiny_network

PAIRS = "drug,gene\nd2,g3\nd1,g1\nd2,g1\nd1,g3\n"
GENES = ",g1,g2,g3\ng1,1,.5,.2\ng2,.5,1,.1\ng3,.2,.1,1\n"


def folder(path: Path, **files: str) -> Path:
    """A folder of these files; ``__`` stands for the dot."""
    path.mkdir()
    for name, text in files.items():
        (path / name.replace("__", ".")).write_text(text)
    return path


def without(dataset: AssociationDataset, *fields: str) -> AssociationDataset:
    eyes = {field: np.eye(len(getattr(dataset, field))) for field in fields}
    return dataclasses.replace(dataset, **eyes)


def test_names_come_from_the_associations_in_order(tmp_path: Path) -> None:
    dataset = load_user_folder(
        folder(tmp_path / "mine", associations__csv=PAIRS, gene_similarity__csv=GENES)
    )
    assert dataset.kinds == (kind_of("drug"), kind_of("gene"))
    assert (dataset.rows, dataset.columns) == (("d2", "d1"), ("g1", "g2", "g3"))
    np.testing.assert_array_equal(dataset.row_similarity, np.eye(2))
    np.testing.assert_array_equal(dataset.associations, [[1, 0, 1], [1, 0, 1]])
    assert dataset.column_similarity[0, 1] == 0.5


def test_or_from_a_list_which_may_hold_more(tmp_path: Path) -> None:
    dataset = load_user_folder(
        folder(tmp_path / "mine", associations__csv=PAIRS, gene_names__txt="g4\ng3\ng1\n\n")
    )
    assert dataset.columns == ("g4", "g3", "g1")
    assert dataset.rows == ("d2", "d1")
    assert is_absent(dataset.row_similarity)
    assert is_absent(dataset.column_similarity)
    drugs, genes = absences(dataset)
    assert drugs.where == "mine, drug_similarity"
    assert drugs.message == (
        "no similarity of the drugs is given: they are known by their associations alone; a drug"
        " without associations cannot be told from another"
    )
    assert genes.message.endswith("(1 of 3 have none)")
    assert not drugs.is_fault


@pytest.mark.parametrize("more", [{}, {"dataset__yaml": "kinds: [drug, gene]\n"}])
def test_a_matrix_has_names_of_its_own(tmp_path: Path, more: dict[str, str]) -> None:
    """Its kinds are said by files or `dataset.yaml`; a list names the other side."""
    if not more:
        more = {"drug_names__txt": "d1\nd2\n"}
    text = ",g3,g1,g2\nd1,1,1,0\nd2,1,1,0\n"
    dataset = load_user_folder(
        folder(tmp_path / "mine", associations__csv=text, gene_similarity__csv=GENES, **more)
    )
    assert (dataset.rows, dataset.columns) == (("d1", "d2"), ("g1", "g2", "g3"))
    np.testing.assert_array_equal(dataset.associations, [[1, 0, 1], [1, 0, 1]])


def test_a_name_that_is_in_no_list_is_refused(tmp_path: Path) -> None:
    mine = folder(tmp_path / "mine", associations__csv=PAIRS, gene_names__txt="g1\ng4\n")
    with pytest.raises(InputError, match=r"row 2, column 2: unknown gene 'g3'"):
        load_user_folder(mine)
    (mine / "gene_names.txt").write_text("g1\ng3\ng1\n")
    with pytest.raises(InputError, match=r"gene_names.txt, row 3: duplicate gene name 'g1'"):
        load_user_folder(mine)


def test_empty_cells_are_named_with_their_rows(tmp_path: Path) -> None:
    mine = folder(tmp_path / "mine", associations__csv=PAIRS + "d1,\n,g1\n")
    with pytest.raises(InputError) as caught:
        load_user_folder(mine)
    lines = caught.value.lines()
    assert "row 6, column 2: unknown gene ''" in lines[0]
    assert "row 7, column 1: unknown drug ''" in lines[1]


@pytest.mark.parametrize(
    "name", ["gene_similarty.csv", "genes_similarity.csv", "gene-similarity-2.tsv"]
)
def test_a_similarity_of_another_name_is_not_passed_over(tmp_path: Path, name: str) -> None:
    mine = folder(tmp_path / "mine", associations__csv=PAIRS)
    (mine / name).write_text(GENES)
    (mine / "drug_similarity.csv").write_text(",d1,d2\nd1,1,0.1\nd2,0.1,1\n")
    with pytest.raises(InputError, match="is of neither kind, drug nor gene") as caught:
        load_user_folder(mine)
    assert caught.value.where == str(mine / name)
    assert f"rename it to gene_similarity{Path(name).suffix}" in caught.value.hint


def test_too_many_without_one_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.data.user_data.LARGEST", 2)
    text = PAIRS + "d1,g2\n"
    with pytest.raises(InputError, match="no similarity of 3 genes is given") as caught:
        load_user_folder(folder(tmp_path / "mine", associations__csv=text))
    assert "`mmatune data similarity`" in caught.value.hint


def test_it_comes_back(tmp_path: Path) -> None:
    dataset = without(demo(), "column_similarity")
    write_user_folder(dataset, tmp_path / "mine")
    assert not (tmp_path / "mine" / "small_molecule_similarity.csv").exists()
    again = load_user_folder(tmp_path / "mine")
    assert again.columns == dataset.columns
    assert again.content_hash == dataset.content_hash


@pytest.mark.parametrize("place", [(0, 0), (0, 3), (3, 3), (3, 2)])
def test_the_identity_but_for_one_cell_is_a_similarity(
    place: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(absence, "_ROWS_AT_ONCE", 2)
    matrix = np.eye(5)
    assert is_absent(matrix)
    matrix[place] = 0.5
    assert not is_absent(matrix)


def test_only_cold_protocols_of_that_side_are_refused() -> None:
    dataset = without(demo(), "row_similarity")
    assert [one.message[:30] for one in findings(dataset)] == ["no similarity of the miRNAs is"]
    refused = unusable_protocols(dataset)
    assert list(refused) == ["cold-rows"]
    assert "they are known by their associations alone" in refused["cold-rows"]
    assert "so cold-rows means nothing here" in refused["cold-rows"]
    development_folds(dataset, case_study("demo-sm-01"), 0)
    with pytest.raises(InputError, match="so case-study:demo-mir-60 means nothing here"):
        development_folds(dataset, case_study("demo-mir-60"), 0)
    assert list(unusable_protocols(without(demo(), "column_similarity"))) == ["cold-columns"]
    assert unusable_protocols(demo()) == {}


@pytest.mark.heavy
@pytest.mark.parametrize("head", ["none", "propagation", "propagation-gip"])
def test_models_work_on_associations_alone(head: str) -> None:
    dataset = without(demo(), "row_similarity", "column_similarity")
    folds = development_folds(dataset, HONEST, 0)[:1]
    values = {"encoder.type": "gcn", "encoder.layers": 1, "training.learning_rate": 0.005}
    config = Configuration.from_dotted({**values, "head.type": head})
    validation = CrossValidation(config, dataset, folds, seed=0)
    assert np.isfinite(validation.train(60))
    assert validation.evaluate().summary()["auc"] > 0.6


@pytest.mark.heavy
@pytest.mark.parametrize("name", BASELINES)
def test_baselines_work_on_associations_alone(name: str) -> None:
    whole = tiny_network() if name in COMPARED else demo()  # those are slow
    dataset = without(whole, "row_similarity", "column_similarity")
    fold = development_folds(dataset, HONEST, 0)[0]
    assert np.isfinite(BASELINES[name](dataset, fold)).all()
