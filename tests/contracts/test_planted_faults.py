"""The contracts of `model.network` find a fault in each thing they promise."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from model.network.encoders.gcn import GCN
from model.network.graph import neighbour_sum
from model.network.masks.interface import Mask
from tests.contracts.edge_decoder import EdgeDecoderContract
from tests.contracts.encoder import EncoderContract
from tests.contracts.head import HeadContract
from tests.contracts.kind import KindContract
from tests.contracts.mask import MaskContract
from tests.model.options import TABLES

ENCODER, DECODER, HEAD, MASK = (
    EncoderContract(),
    EdgeDecoderContract(),
    HeadContract(),
    MaskContract(),
)


class Unused(nn.Module):
    """A layer with a parameter that nothing reads."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width_in, width_out)
        self.idle = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.linear(x)


def slightly_off(form: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda *arguments: form(*arguments) * 1.01


def squared_numbers(entry: Any) -> Any:
    def batched_numbers(*made_from: Any) -> Callable[[Any], Tensor]:
        numbers = entry.batched_numbers(*made_from)
        return lambda graph: numbers(graph) ** 2

    return replace(entry, batched_numbers=batched_numbers)


def drawing(change: Callable[[Mask, Any, Generator], Mask]) -> Callable[[Any], Any]:
    """A fault in the masks that a scheme's batched form draws."""

    def planted(entry: Any) -> Any:
        def batched(associations: Any, *options: Any) -> Callable[[Generator], Mask]:
            draw = entry.batched(associations, *options)
            return lambda generator: change(draw(generator), associations, generator)

        return replace(entry, batched=batched)

    return planted


def all_visible(mask: Mask, associations: Any, generator: Generator) -> Mask:
    return replace(mask, visible=associations.all_visible)


def one_place_less(mask: Mask, associations: Any, generator: Generator) -> Mask:
    places = mask.first.shape[1] - int(generator.initial_seed() % 2)
    parts = {name: getattr(mask, name)[:, :places] for name in ("first", "second", "weight")}
    return replace(mask, **parts)


def half_degrees(mask: Mask, associations: Any, generator: Generator) -> Mask:
    return replace(mask, masked_degree=mask.masked_degree / 2)


def waiting(parameters: Any, x: Any, graph: Any) -> Tensor:
    h = x.linear(parameters["linear.weight"])
    return h + float(h.detach().sum()) * 0 + parameters["linear.bias"][:, None]


def reading_the_block(parameters: Any, x: Any, graph: Any) -> Tensor:
    return GCN.batched(parameters, x, graph) + 0 * graph.block.sum()


def without_eps(parameters: Any, x: Any, graph: Any) -> Tensor:
    summed = x.aggregated(lambda h: h + neighbour_sum(graph, h), parameters["nn.weight"])
    return summed + parameters["nn.bias"][:, None]


FAULTS: dict[str, tuple[KindContract, str, Callable[[Any], Any], str]] = {
    "batched encoder": (
        ENCODER,
        "gin",
        lambda entry: replace(entry, batched=without_eps),
        "test_batched_trains_as_plain",
    ),
    "batched scores": (
        ENCODER,
        "linear",
        lambda entry: replace(entry, batched=slightly_off(entry.batched)),
        "test_batched_scores_as_plain",
    ),
    "unused parameter": (
        ENCODER,
        "linear",
        lambda entry: replace(entry, plain=Unused),
        "test_gradients_reach_every_parameter",
    ),
    "wait": (
        ENCODER,
        "linear",
        lambda entry: replace(entry, batched=waiting),
        "test_an_epoch_never_waits",
    ),
    "block": (
        ENCODER,
        "gcn",
        lambda entry: replace(entry, batched=reading_the_block),
        "test_large_is_as_dense_or_refused",
    ),
    "block form": (
        DECODER,
        "bilinear",
        lambda entry: replace(entry, of_block=slightly_off(entry.of_block)),
        "test_the_block_and_pairs_are_as_plain",
    ),
    "pairs form": (
        DECODER,
        "dot",
        lambda entry: replace(entry, of_pairs=slightly_off(entry.of_pairs)),
        "test_the_block_and_pairs_are_as_plain",
    ),
    "evidence": (
        HEAD,
        "propagation",
        squared_numbers,
        "test_batched_evidence_is_as_plain",
    ),
    "head": (
        HEAD,
        "propagation",
        lambda entry: replace(entry, batched=slightly_off(entry.batched)),
        "test_batched_trains_as_plain",
    ),
    "promise to hide": (
        MASK,
        "per_direction",
        lambda entry: replace(entry, hides=True),
        "test_a_draw_splits_the_associations",
    ),
    "visible": (MASK, "undirected", drawing(all_visible), "test_nothing_leaks"),
    "visible of a replica": (
        MASK,
        "undirected",
        drawing(all_visible),
        "test_a_batched_draw_splits_the_associations_of_every_replica",
    ),
    "places": (MASK, "undirected", drawing(one_place_less), "test_places_are_fixed"),
    "degrees": (
        MASK,
        "undirected",
        drawing(half_degrees),
        "test_batched_draws_have_the_statistics_of_plain_ones",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    contract, kind, plant, name = FAULTS[fault]
    table = TABLES[contract.option]
    test = getattr(contract, name)
    patch = [monkeypatch] if "monkeypatch" in test.__code__.co_varnames else []
    monkeypatch.setitem(table._own, kind, plant(table[kind]))
    with pytest.raises(TypeError if fault == "block" else AssertionError):
        test(kind, *patch)
