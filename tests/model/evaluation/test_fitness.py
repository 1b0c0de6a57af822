"""What is checked before a study begins, and what a user may accept."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from model.data.datasets import AssociationDataset
from model.data.synthetic import demo
from model.errors import DataWarning, InputError
from model.evaluation.fitness import check_before_study, check_name, unusable_protocols
from model.evaluation.protocols import COLD_ROWS, HONEST, PROTOCOLS, development_folds
from search_spaces.loading import load_space
from tuning.plan import StudyPlan


@pytest.fixture(scope="module")
def leaky() -> AssociationDataset:
    profiles = demo().associations.astype(float)
    unit = profiles / np.linalg.norm(profiles, axis=1, keepdims=True)
    similarity = unit @ unit.T
    return dataclasses.replace(demo(), row_similarity=(similarity + similarity.T) / 2)


def test_good_data_pass_without_a_word(recwarn: pytest.WarningsRecorder) -> None:
    assert check_before_study(demo(), HONEST, 0) == ""
    assert len(recwarn) == 0
    assert unusable_protocols(demo()) == {}


def test_a_leak_is_refused_or_accepted_by_its_name(leaky: AssociationDataset) -> None:
    with pytest.raises(InputError, match="is the cosine of the associations") as raised:
        check_before_study(leaky, HONEST, 0)
    assert "--accept-leak" in raised.value.hint
    with pytest.warns(DataWarning, match="every score is too high"):
        leak = check_before_study(leaky, HONEST, 0, accept_leak=True)
    assert leak.startswith("demo, mirna_similarity is the cosine of the associations")
    plan = StudyPlan("a", leaky, HONEST, "full", load_space("full"), 1, leak=leak)
    assert plan.tags()["leak"] == leak
    assert "leak" not in dataclasses.replace(plan, leak="").tags()


def test_accepting_a_leak_accepts_nothing_else(leaky: AssociationDataset) -> None:
    both = dataclasses.replace(leaky, column_similarity=np.zeros((39, 39)))
    with pytest.raises(InputError, match="every value is 0") as raised:
        check_before_study(both, HONEST, 0, accept_leak=True)
    assert raised.value.others == ()


def test_all_faults_come_at_once(leaky: AssociationDataset) -> None:
    few = np.zeros_like(leaky.associations)
    few[:4, 0] = 1
    worst = dataclasses.replace(
        leaky, name="a/b", associations=few, column_similarity=np.zeros((39, 39))
    )
    with pytest.raises(InputError) as raised:
        check_before_study(worst, COLD_ROWS, 0)
    lines = raised.value.lines()
    assert ["registered model" in lines[0], "do not fill" in lines[1], len(lines)] == [
        True,
        True,
        3,
    ]


@pytest.mark.parametrize("character", "/:@%'\"`\\\n")
def test_a_name_that_no_model_can_have(character: str) -> None:
    with pytest.raises(InputError, match="cannot be a registered model's"):
        check_name(f"my{character}data")


@pytest.mark.parametrize("name", ["my data", "mine-2.0_b", "miRNA 编号", "demo"])
def test_other_names_are_fine(name: str) -> None:
    check_name(name)


def test_protocols_that_cannot_split_say_why() -> None:
    few = np.zeros_like(demo().associations)
    few[0, :2] = 1
    why = unusable_protocols(dataclasses.replace(demo(), associations=few))
    assert set(why) == set(PROTOCOLS)
    assert why["random"] == "2 groups of associations do not fill 5 folds"


@pytest.mark.parametrize("name", ["demo", "dataset1", "dataset2"])
def test_folds_of_published_data_are_those_of_the_recorded_rule(
    name: str, shared_data: Path
) -> None:
    """Studies of 0.1.0 recorded the grouping "mature"."""
    from model.data.catalogue import load

    dataset = load(name, shared_data)
    for protocol in PROTOCOLS.values():
        if protocol.grouping == "precursors":
            recorded = dataclasses.replace(protocol, grouping="mature")
            for new, old in zip(
                development_folds(dataset, protocol, 3),
                development_folds(dataset, recorded, 3),
                strict=True,
            ):
                for field in ("train_pairs", "train_groups", "held_out", "ranked_against"):
                    np.testing.assert_array_equal(getattr(new, field), getattr(old, field))


def test_twins_in_other_spellings_are_never_parted() -> None:
    """As in a folder whose owner writes `miR-16-1` without the species."""
    plain = demo()
    names = [name.removeprefix("demo-").replace("-", "_") for name in plain.rows]
    mixed = tuple(name.replace("mir", "miR") if i % 2 else name for i, name in enumerate(names))
    other = dataclasses.replace(plain, rows=mixed)
    label = {}
    for name, original in zip(mixed, plain.rows, strict=True):
        label[name] = original.rsplit("-", 1)[0] if original.count("-") > 2 else original
    for fold in development_folds(other, HONEST, 0):
        trained = {(label[mixed[i]], j) for i, j in fold.train_pairs.tolist()}
        held_out = {(label[mixed[i]], j - len(mixed)) for i, j in fold.held_out.T.tolist()}
        assert not trained & held_out
