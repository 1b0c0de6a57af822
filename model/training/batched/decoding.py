"""The logits and degrees of every replica: edge decoder and head of the tables, with dropout.

Shape legend: B replicas, M miRNAs, S small molecules, N nodes, P pairs, D dimensions, K numbers of
a head for a pair.
"""

from __future__ import annotations

from torch import Generator, Tensor

from model.network.autoencoder import Configuration
from model.network.batched_layers import Drop, rows, under
from model.network.degree_decoder import DegreeDecoderConfig, batched_degrees
from model.network.dropout import dropout
from model.network.edge_decoders.kinds import EDGE_DECODERS
from model.network.graph import Parameters
from model.network.heads.evidence import evidence_rows
from model.network.heads.kinds import HEADS


def pair_logits(
    config: Configuration,
    parameters: Parameters,
    z: Tensor,
    pairs: tuple[Tensor, Tensor],
    evidence: Tensor | None,
    sides: tuple[int, int],
    generator: Generator | None,
) -> Tensor:
    """(B, P) logits of given pairs.

    Args:
        parameters: of the plain model by their names there, each with a leading B.
        z: (B, N, D) embeddings.
        pairs: two (B, P) node indices, lower node first.
        evidence: (B, M * S + 1, K) of the head, None without one.
        sides: M and S.
        generator: of the dropout in training; None to evaluate.
    """
    logits = EDGE_DECODERS[config.edge_decoder.type].of_pairs(
        under(parameters, "edge_decoder."), z, *pairs, _drop(config.edge_decoder.dropout, generator)
    )
    if evidence is None:
        return logits
    return logits + _head(config, parameters, rows(evidence, evidence_rows(*pairs, sides)))


def block_logits(
    config: Configuration,
    parameters: Parameters,
    z: Tensor,
    evidence: Tensor | None,
    sides: tuple[int, int],
    generator: Generator | None,
) -> Tensor:
    """(B, M * S) logits of every miRNA-small molecule pair, by the cheapest way; see above."""
    logits = EDGE_DECODERS[config.edge_decoder.type].of_block(
        under(parameters, "edge_decoder."),
        z,
        sides[0],
        _drop(config.edge_decoder.dropout, generator),
    )
    if evidence is None:
        return logits
    return logits + _head(config, parameters, evidence[:, :-1])


def degrees(
    config: DegreeDecoderConfig, parameters: Parameters, z: Tensor, generator: Generator | None
) -> Tensor:
    """(B, N) masked degrees."""
    drop = _drop(config.dropout, generator)
    return batched_degrees(under(parameters, "degree_decoder."), z, drop)


def _head(config: Configuration, parameters: Parameters, numbers: Tensor) -> Tensor:
    """(B, P) what the head adds for its standardised numbers (B, P, K)."""
    kind = HEADS[config.head.type]
    assert kind is not None  # there is evidence
    return kind.batched(under(parameters, "head."), numbers)


def _drop(rate: float, generator: Generator | None) -> Drop:
    def drop(values: Tensor, *, in_place: bool = False) -> Tensor:
        if generator is None or rate == 0:
            return values
        return dropout(values, rate, generator, in_place=in_place)

    return drop
