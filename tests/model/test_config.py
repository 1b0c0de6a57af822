"""Configurations: dotted names, refusals, and the published settings."""

import pytest
from pydantic import ValidationError

from model.errors import InputError
from model.network.autoencoder import Configuration


def test_dotted_names_survive_a_round_trip() -> None:
    config = Configuration.published()
    assert Configuration.from_dotted(config.dotted()) == config
    assert config.dotted()["mask.scheme"] == "per_direction"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("encoder.kind", "gin", "no such setting"),
        ("encoder.type", "transformer", "encoder should be one of gin, gcn, sage, gat, linear"),
        (
            "edge_decoder.type",
            "mlp",
            "edge decoder should be one of hadamard, concat, dot, bilinear",
        ),
        ("head.type", "x", "head should be one of none, propagation"),
        (
            "mask.scheme",
            "x",
            "masking scheme should be one of undirected, per_direction, path, none",
        ),
        ("mask.rate", 1.0, "less than 1"),
        ("training.epochs", 0, "greater than or equal to 1"),
        ("degree_decoder.alpha", "much", "valid number"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        Configuration.from_dotted({name: value})
    assert caught.value.where == name


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Configuration().training = None


def test_published_settings_are_those_of_the_paper_and_its_code() -> None:
    published = Configuration.published().dotted()
    assert published == {
        **Configuration().dotted(),
        "encoder.type": "gin",
        "encoder.layers": 2,
        "encoder.hidden_dim": 64,
        "encoder.out_dim": 128,
        "edge_decoder.type": "hadamard",
        "degree_decoder.alpha": 0.06,
        "mask.rate": 0.4,
        "mask.scheme": "per_direction",
        "sampled_pairs.scheme": "homogeneous",
        "sampled_pairs.per_association": 1,
        "training.epochs": 1000,
        "training.learning_rate": 0.001,
        "training.weight_decay": 5e-05,
    }
