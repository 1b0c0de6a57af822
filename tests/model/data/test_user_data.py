"""A user's own folder: both forms of associations, the round trip, and every refusal."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.data.datasets import AssociationDataset
from model.data.kinds import kind_of
from model.data.synthetic import demo
from model.data.user_data import load_user_folder, write_user_folder
from model.errors import DataWarning, InputError

GOOD = {
    "mirna_similarity.csv": ",mir-1,mir-2,mir-3\nmir-1,1,.2,.3\nmir-2,.2,1,.4\nmir-3,.3,.4,1\n",
    "small_molecule_similarity.csv": ",sm-1,sm-2\nsm-1,1,0.5\nsm-2,0.5,1\n",
    "associations.csv": "mirna,small_molecule\nmir-3,sm-1\nmir-1,sm-2\n",
}
ASSOCIATIONS = [[0, 1], [0, 0], [1, 0]]


def _folder(path: Path, **files: str | None) -> Path:
    """The good folder, with files replaced by these; ``__`` stands for the dot, None for none."""
    path.mkdir()
    contents = GOOD | {name.replace("__", "."): text for name, text in files.items()}
    for name, text in contents.items():
        if text is not None:
            (path / name).write_text(text)
    return path


@pytest.mark.parametrize(
    "associations",
    [
        GOOD["associations.csv"],
        "small_molecule,mirna\nsm-2,mir-1\nsm-1,mir-3\n",
        ",sm-1,sm-2\nmir-1,0,1\nmir-2,0,0\nmir-3,1,0\n",
        "mirna,sm-2,sm-1\nmir-3,0,1\nmir-1,1,0\nmir-2,0,0\n",
    ],
    ids=["pairs", "pairs the other way round", "matrix", "matrix in another order"],
)
def test_associations_are_aligned_by_name(associations: str, tmp_path: Path) -> None:
    dataset = load_user_folder(_folder(tmp_path / "mine", associations__csv=associations))
    assert dataset.name == "mine"
    assert dataset.rows == ("mir-1", "mir-2", "mir-3")
    assert dataset.columns == ("sm-1", "sm-2")
    np.testing.assert_array_equal(dataset.associations, ASSOCIATIONS)
    assert dataset.row_similarity[1, 2] == 0.4


def test_tabs_and_commas_may_be_mixed(tmp_path: Path) -> None:
    text = GOOD["associations.csv"].replace(",", "\t")
    folder = _folder(tmp_path / "mine", associations__csv=None, associations__tsv=text)
    np.testing.assert_array_equal(load_user_folder(folder).associations, ASSOCIATIONS)


# What replaces a good file, where the error must point to, what it must show.
BAD = {
    "ragged": ({"associations__csv": "mirna,small_molecule\nmir-1\n"}, "row 2, column 2", "1 cell"),
    "misnamed": (
        {"mirna_similarity__csv": None, "mirna_similarty__csv": GOOD["mirna_similarity.csv"]},
        "mirna_similarty.csv",
        "no similarity of the miRNAs is there",
    ),
    "two forms": ({"associations__tsv": "x"}, "", "both associations.csv and associations.tsv"),
    "NaN": (
        {"small_molecule_similarity__csv": ",sm-1,sm-2\nsm-1,1,nan\nsm-2,0.5,1\n"},
        "row 2, column 3",
        "'nan'",
    ),
    "infinity": (
        {"small_molecule_similarity__csv": ",sm-1,sm-2\nsm-1,1,0.5\nsm-2,inf,1\n"},
        "row 3, column 2",
        "'inf'",
    ),
    "asymmetric": (
        {"small_molecule_similarity__csv": ",sm-1,sm-2\nsm-1,1,0.5\nsm-2,0.6,1\n"},
        "row 2, column 3",
        "0.5 here, but 0.6 at row 3, column 2",
    ),
    "not square": (
        {"small_molecule_similarity__csv": ",sm-1,sm-2\nsm-1,1,0.5\n"},
        "row 3",
        "1 x 2 values",
    ),
    "names in another order": (
        {"small_molecule_similarity__csv": ",sm-2,sm-1\nsm-1,1,0.5\nsm-2,0.5,1\n"},
        "row 2, column 1",
        "'sm-1' names the row, but 'sm-2' the column",
    ),
    "duplicate name": (
        {"small_molecule_similarity__csv": ",sm-1,sm-1\nsm-1,1,0.5\nsm-1,0.5,1\n"},
        "row 1, column 3",
        "'sm-1'",
    ),
    "unknown name in a pair": (
        {"associations__csv": "mirna,small_molecule\nmir-1,sm-1\nmir-1,sm-9\n"},
        "row 3, column 2",
        "'sm-9'",
    ),
    "no pair": ({"associations__csv": "mirna,small_molecule\n"}, "associations.csv", "no assoc"),
    "misspelt header": (
        {"associations__csv": "mirna,molecule\nmir-1,sm-1\n"},
        "row 1, column 2",
        "'molecule'",
    ),
    "value 2": (
        {"associations__csv": ",sm-1,sm-2\nmir-1,0,1\nmir-2,0,2\nmir-3,1,0\n"},
        "row 3, column 3",
        "2.0",
    ),
    "only zeros": (
        {"associations__csv": ",sm-1,sm-2\nmir-1,0,0\nmir-2,0,0\nmir-3,0,0\n"},
        "associations.csv",
        "no association",
    ),
    "a miRNA lacks its row": (
        {"associations__csv": ",sm-1,sm-2\nmir-1,0,1\nmir-3,1,0\n"},
        "column 1",
        "2 miRNAs, but the similarity has 3: 'mir-2'",
    ),
    "a small molecule lacks its column": (
        {"associations__csv": ",sm-2\nmir-1,1\nmir-2,0\nmir-3,0\n"},
        "row 1",
        "1 small molecule, but the similarity has 2: 'sm-1'",
    ),
    "unknown row name": (
        {"associations__csv": ",sm-1,sm-2\nmir-1,0,1\nmir-x,0,1\nmir-3,1,0\n"},
        "row 3, column 1",
        "'mir-x'",
    ),
    "matrix the other way round": (
        {"associations__csv": ",mir-1,mir-2,mir-3\nsm-1,0,0,1\nsm-2,1,0,0\n"},
        "row 2, column 1",
        "'sm-1'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_folder_is_refused_with_its_place_and_value(case: str, tmp_path: Path) -> None:
    files, place, value = BAD[case]
    folder = _folder(tmp_path / "mine", **files)
    with pytest.raises(InputError) as raised:
        load_user_folder(folder)
    assert raised.value.where.startswith(str(folder))
    assert raised.value.where.endswith(place)
    if "row" in place or "column" in place:
        changed = next(iter(files)).replace("__", ".")
        assert raised.value.where == f"{folder / changed}, {place}"
    assert value in raised.value.message


@pytest.mark.parametrize(
    ("pair", "hint"),
    [("mir_1,sm-1", "did you mean mir-1"), ("sm-1,mir-1", "it is the name of a small molecule")],
)
def test_an_unknown_name_gets_a_mend(pair: str, hint: str, tmp_path: Path) -> None:
    text = f"mirna,small_molecule\n{pair}\n"
    with pytest.raises(InputError) as raised:
        load_user_folder(_folder(tmp_path / "mine", associations__csv=text))
    assert hint in raised.value.hint


def test_the_demo_comes_back_with_its_content_hash(tmp_path: Path) -> None:
    dataset = demo(3)
    write_user_folder(dataset, tmp_path / "deep" / "mine")
    assert load_user_folder(tmp_path / "deep" / "mine").content_hash == dataset.content_hash
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["mine"]


_NAME = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=6)


@given(st.data())
def test_any_data_set_comes_back_with_its_content_hash(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    sides, similarities = [], []
    for _ in range(2):
        names = data.draw(st.lists(_NAME, min_size=1, max_size=3, unique=True))
        finite = st.floats(-1e6, 1e6)
        size = len(names)
        values = data.draw(st.lists(finite, min_size=size * size, max_size=size * size))
        lower = np.tril(np.array(values).reshape(size, size))
        sides.append(tuple(names))
        similarities.append(lower + np.tril(lower, -1).T)
    shape = (len(sides[0]), len(sides[1]))
    known = data.draw(st.integers(0, shape[0] * shape[1] - 1))
    associations = np.arange(shape[0] * shape[1]).reshape(shape) <= known
    dataset = AssociationDataset("any", *sides, associations, *similarities)
    folder = tmp_path_factory.mktemp("any") / "mine"
    write_user_folder(dataset, folder)
    assert load_user_folder(folder).content_hash == dataset.content_hash


def test_an_existing_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for target in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(InputError, match="not an empty folder"):
            write_user_folder(demo(), target)
    with pytest.raises(InputError, match="cannot be written"):
        write_user_folder(demo(), tmp_path / "notes.txt" / "below")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    (tmp_path / "empty").mkdir()
    write_user_folder(demo(), tmp_path / "empty")
    assert len(list((tmp_path / "empty").iterdir())) == 3


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("model.data.user_data.write_similarity", stop)
    with pytest.raises(KeyboardInterrupt):
        write_user_folder(demo(), tmp_path / "mine")
    assert list(tmp_path.iterdir()) == []


class TestMapped:
    """A similarity as `.npy`, which stays on disk."""

    NAMES = "mir-1\nmir-2\nmir-3\n"

    def _mapped(self, path: Path, matrix: np.ndarray, names: str | None = NAMES) -> Path:
        folder = _folder(path, mirna_similarity__csv=None)
        np.save(folder / "mirna_similarity.npy", matrix)
        if names is not None:
            (folder / "mirna_names.txt").write_text(names)
        return folder

    def test_it_is_the_same_data_set(self, tmp_path: Path) -> None:
        plain = load_user_folder(_folder(tmp_path / "mine"))
        mapped = load_user_folder(self._mapped(tmp_path / "npy", plain.row_similarity))
        assert mapped.content_hash == plain.content_hash
        assert isinstance(mapped.row_similarity.base, np.memmap)

    @pytest.mark.parametrize(
        ("matrix", "names", "message"),
        [
            (np.eye(3), None, "there is no mirna_names.txt"),
            (np.eye(3), "mir-1\nmir-2\n", "has 2 names"),
            (np.eye(3, dtype=np.int64), NAMES, "int64"),
            (np.ones(3), NAMES, "shape"),
            (np.triu(np.ones((3, 3))), NAMES, "not symmetric: 'mir-1' to 'mir-2'"),
            (np.full((3, 3), np.nan), NAMES, "nan"),
        ],
    )
    def test_refusals(
        self, matrix: np.ndarray, names: str | None, message: str, tmp_path: Path
    ) -> None:
        with pytest.raises(InputError, match=message):
            load_user_folder(self._mapped(tmp_path / "npy", matrix, names))

    def test_not_an_array(self, tmp_path: Path) -> None:
        folder = self._mapped(tmp_path / "npy", np.eye(3))
        (folder / "mirna_similarity.npy").write_text("text")
        with pytest.raises(InputError, match="no array"):
            load_user_folder(folder)


GENES = {
    "Gene_similarity.csv": ",g-1,g-2,g-3\ng-1,1,.2,.3\ng-2,.2,1,.4\ng-3,.3,.4,1\n",
    "drug_similarity.csv": ",d-1,d-2\nd-1,1,0.5\nd-2,0.5,1\n",
}
PAIRS = "g-3,d-1\ng-1,d-2\n"


def _genes(path: Path, associations: str, description: str | None = None, **more: str) -> Path:
    path.mkdir()
    files = GENES | {"associations.csv": associations} | more
    for name, text in (
        files if description is None else files | {"dataset.yaml": description}
    ).items():
        (path / name.replace("__", ".")).write_text(text)
    return path


class TestKinds:
    """What the two kinds of things are called, and which of them are the rows."""

    @pytest.mark.parametrize(
        "associations",
        [
            f"gene,drug\n{PAIRS}",
            f"GENE, Drugs\n{PAIRS}",
            "pmid,Gene,weight,drug\n1,g-3,0.5,d-1\n2,g-1,0,d-2\n",
            "gene,drug\n# a remark, with a comma\n\ng-3,d-1\ng-1,d-2\n#g-2,d-2\ng-3,d-1\n",
            ",d-1,d-2\ng-1,0,1\ng-2,0,0\ng-3,1,0\n",
        ],
        ids=["pairs", "another spelling", "more columns", "remarks and a repeated pair", "matrix"],
    )
    @pytest.mark.filterwarnings("ignore::model.errors.DataWarning")
    def test_are_named_by_the_data(self, associations: str, tmp_path: Path) -> None:
        dataset = load_user_folder(_genes(tmp_path / "mine", associations))
        assert [(kind.name, kind.plural) for kind in dataset.kinds] == [
            ("gene", "genes"),
            ("drug", "drugs"),
        ]
        assert (dataset.rows, dataset.columns) == (("g-1", "g-2", "g-3"), ("d-1", "d-2"))
        np.testing.assert_array_equal(dataset.associations, ASSOCIATIONS)

    def test_the_rows_are_the_first_kind_of_the_header(self, tmp_path: Path) -> None:
        dataset = load_user_folder(_genes(tmp_path / "mine", "drug,gene\nd-1,g-3\nd-2,g-1\n"))
        assert [kind.name for kind in dataset.kinds] == ["drug", "gene"]
        np.testing.assert_array_equal(dataset.associations, np.transpose(ASSOCIATIONS))

    def test_the_rows_are_those_of_the_matrix(self, tmp_path: Path) -> None:
        text = ",g-1,g-2,g-3\nd-1,0,0,1\nd-2,1,0,0\n"
        assert load_user_folder(_genes(tmp_path / "one", text)).rows == ("d-1", "d-2")

    def test_dataset_yaml_comes_first(self, tmp_path: Path) -> None:
        said = "kinds: [drug, gene]\nplurals: [medicines, genes]\n"
        dataset = load_user_folder(_genes(tmp_path / "mine", f"gene,drug\n{PAIRS}", said))
        assert [kind.plural for kind in dataset.kinds] == ["medicines", "genes"]
        assert dataset.columns == ("g-1", "g-2", "g-3")

    @pytest.mark.parametrize(
        ("said", "where", "words"),
        [
            ("kind: [gene, drug]\n", "dataset.yaml, kind", "no such key - did you mean kinds?"),
            ("kinds: [gene]\n", "dataset.yaml, kinds.1", "for example `kinds: [gene, drug]`"),
            ("kinds: [gene, Gene]\n", "dataset.yaml", "the two kinds need two names"),
            ("plurals: [a, b]\n", "dataset.yaml", "plurals are of kinds"),
            ("kinds: [gene, drug\n", "dataset.yaml", "is not YAML"),
            ("a: &a [b]\nkinds: *a\n", "dataset.yaml", "has an alias"),
            (
                "source: [{file: a, sha256: 12}]\n",
                "dataset.yaml, source.0.sha256",
                "string",
            ),
        ],
    )
    def test_a_bad_dataset_yaml_is_refused_by_key(
        self, said: str, where: str, words: str, tmp_path: Path
    ) -> None:
        with pytest.raises(InputError) as raised:
            load_user_folder(_genes(tmp_path / "mine", f"gene,drug\n{PAIRS}", said))
        assert raised.value.where.endswith(where)
        assert words in raised.value.line()

    def test_errors_use_their_words(self, tmp_path: Path) -> None:
        folder = _genes(tmp_path / "mine", "gene,drug\ng_1,d-1\nd-1,g-1\ng-1,x\n")
        with pytest.raises(InputError) as raised:
            load_user_folder(folder)
        lines = "\n".join(raised.value.lines())
        assert "unknown gene 'g_1' - did you mean g-1?" in lines
        assert "unknown gene 'd-1' - it is the name of a drug" in lines
        assert "unknown drug 'x' - the drugs are d-1, d-2" in lines
        (folder / "drug_similarity.csv").rename(folder / "drugs_similarity.csv")
        with pytest.raises(InputError, match="no similarity of the drugs is there"):
            load_user_folder(folder)

    def test_what_is_passed_over_is_told(self, tmp_path: Path) -> None:
        text = "gene,drug,pmid,\n#\n# b\n" + "g-3,d-1,1,\n" * 3 + "g-1,d-2,2,\ng-1,d-2,3,\n"
        with pytest.warns(DataWarning) as caught:
            load_user_folder(_genes(tmp_path / "mine", text))
        remarks, others, repeated = [str(warning.message) for warning in caught]
        assert "associations.csv: 2 lines begin with # - such lines are remarks" in remarks
        assert "associations.csv, row 1: 1 column is not read: pmid" in others
        assert "row 5: 3 rows repeat a pair, the first is 'g-3', 'd-1' - each pair" in repeated

    @pytest.mark.parametrize("plurals", [None, ("children", "sheep")])
    def test_they_come_back(self, plurals: tuple[str, str] | None, tmp_path: Path) -> None:
        given = (kind_of("lncRNA"), kind_of("side effect"))
        if plurals:
            given = (kind_of("child", plurals[0]), kind_of("sheep", plurals[1]))
        dataset = dataclasses.replace(demo(), kinds=given)
        write_user_folder(dataset, tmp_path / "mine")
        again = load_user_folder(tmp_path / "mine")
        assert again.kinds == given
        assert again.content_hash == dataset.content_hash == demo().content_hash
        assert not (tmp_path / "mine" / "mirna_similarity.csv").exists()

    def test_a_name_that_looks_like_a_remark_comes_back(self, tmp_path: Path) -> None:
        dataset = dataclasses.replace(demo(), rows=("#1", "# 2", *demo().rows[2:]))
        write_user_folder(dataset, tmp_path / "mine")
        assert load_user_folder(tmp_path / "mine").content_hash == dataset.content_hash
