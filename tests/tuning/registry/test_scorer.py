"""The scorer on its own: ranks, names, and what it refuses."""

import json
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from scipy.stats import rankdata

from model.data.kinds import DEFAULT_KINDS
from tuning.registry.scorer import PairScorer

M, S = 17, 13
MIRNAS = [f"mir-{i}" for i in range(M)]
SMALL_MOLECULES = [f"sm-{j}" for j in range(S)]


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(0)
    # Few distinct values, so that many pairs tie.
    probability = rng.integers(0, 40, (M, S)).astype(np.float32) / 40
    return probability, rng.random((M, S)) < 0.2


@pytest.fixture(scope="module")
def scorer(arrays, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scorer")
    probability, known = arrays
    np.savez(folder / "scores.npz", probability=probability, known=known.astype(np.uint8))
    kinds = [{**asdict(kind), "key": kind.key} for kind in DEFAULT_KINDS]
    names = {"kinds": kinds, "rows": MIRNAS, "columns": SMALL_MOLECULES}
    (folder / "names.json").write_text(json.dumps(names))
    made = PairScorer()
    paths = {"scores": str(folder / "scores.npz"), "names": str(folder / "names.json")}
    made.load_context(SimpleNamespace(artifacts=paths))
    return made


def pairs(*rows):
    return pd.DataFrame(rows, columns=["mirna", "small_molecule"])


def all_pairs():
    return pairs(*((mirna, sm) for mirna in MIRNAS for sm in SMALL_MOLECULES))


def test_ranks_are_those_of_the_unknown_pairs_of_the_whole_network(scorer, arrays):
    probability, known = arrays
    answer = scorer.predict(None, all_pairs())
    expected = rankdata(-probability[~known], method="min")
    unknown = ~known.ravel()
    assert answer["rank"][unknown].astype(int).tolist() == expected.tolist()
    assert answer["rank"][~unknown].tolist() == [None] * known.sum()
    assert answer["known"].tolist() == known.ravel().tolist()


def test_a_rank_does_not_depend_on_what_else_is_asked(scorer):
    everything = scorer.predict(None, all_pairs())
    for row in (0, 5, 100):
        alone = scorer.predict(None, all_pairs().iloc[[row]])
        pd.testing.assert_frame_equal(alone, everything.iloc[[row]])


def test_rows_keep_their_order_index_and_repeats(scorer, arrays):
    probability, _ = arrays
    asked = pairs(("mir-3", "sm-7"), ("mir-0", "sm-12"), ("mir-3", "sm-7"))
    asked.index = pd.Index([9, 4, 4])
    answer = scorer.predict(None, asked[["small_molecule", "mirna"]])
    assert answer.index.tolist() == [9, 4, 4]
    assert answer["mirna"].tolist() == ["mir-3", "mir-0", "mir-3"]
    expected = [probability[3, 7], probability[0, 12], probability[3, 7]]
    assert answer["probability"].tolist() == expected


def test_the_answer_is_strict_json(scorer):
    records = scorer.predict(None, all_pairs()).to_dict(orient="records")
    assert json.loads(json.dumps(records, allow_nan=False)) == records


def test_unknown_names_are_all_named_and_nothing_is_answered(scorer):
    asked = pairs(("mir-1", "sm-1"), ("mir-99", "sm-1"), ("mir-1", "aspirin"), ("mir-99", "sm-2"))
    with pytest.raises(MlflowException, match=r"miRNA 'mir-99', small molecule 'aspirin'$"):
        scorer.predict(None, asked)
    many = pairs(*((f"x{i}", "sm-1") for i in range(12)))
    with pytest.raises(MlflowException, match=r"'x9' and 2 more$"):
        scorer.predict(None, many)


def test_missing_columns_are_named(scorer):
    with pytest.raises(MlflowException, match="no column 'small_molecule'"):
        scorer.predict(None, pd.DataFrame({"name": ["mir-1"]}))


def test_a_row_that_lacks_a_name_is_no_unknown_name(scorer):
    for asked in (pairs(("mir-1", "sm-1"), (None, "sm-1")), pd.DataFrame({"mirna": [np.nan]})):
        with pytest.raises(MlflowException, match="a row has no mirna: give both names"):
            scorer.predict(None, asked)


def test_a_single_column_is_ranked(scorer, arrays):
    probability, known = arrays
    answer = scorer.predict(None, pd.DataFrame({"small_molecule": ["sm-7", "sm-2"]}), {"top": 3})
    assert answer["small_molecule"].tolist() == ["sm-7"] * 3 + ["sm-2"] * 3
    assert not answer["known"].any()
    for column, rows in ((7, answer[:3]), (2, answer[3:])):
        unknown = probability[~known[:, column], column]
        assert rows["probability"].tolist() == sorted(unknown, reverse=True)[:3]
    assert len(scorer.predict(None, pd.DataFrame({"mirna": ["mir-3"]}))) == (~known[3]).sum()
    with pytest.raises(MlflowException, match="top is 0"):
        scorer.predict(None, pd.DataFrame({"mirna": ["mir-3"]}), {"top": 0})
    with pytest.raises(MlflowException, match=r"miRNA 'mir-99'$"):
        scorer.predict(None, pd.DataFrame({"mirna": ["mir-99"]}))
