"""The logits and degrees of every replica: edge decoder and head of the tables, with dropout.

Shape legend: B replicas, M rows, S columns, N nodes, P pairs, D dimensions, K numbers of
a head for a pair.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.utils.checkpoint import checkpoint

from model.network.autoencoder import Configuration
from model.network.batched_layers import Drop, rows, under
from model.network.degree_decoder import DegreeDecoderConfig, batched_degrees
from model.network.dropout import dropout
from model.network.edge_decoders.kinds import EDGE_DECODERS
from model.network.graph import Parameters
from model.network.heads.evidence import evidence_rows
from model.network.heads.kinds import HEADS

# Pairs decoded at once, of all replicas, by type of device: this bounds the memory of an MLP's
# hidden layer. More are decoded in parts, in training twice, which on a CPU takes less time than
# asking for new memory each epoch. A part needs a generator of its own, and CUDA captures no epoch
# that makes one: there the bound is only what fits, about 4 GB.
PAIRS_AT_ONCE = {"cpu": 60_000, "cuda": 2_000_000}


class PairDecoder:
    """Logits of pairs: the edge decoder's plus, where there is one, the head's.

    All methods take the parameters of the plain model by their names there, each with a leading B;
    embeddings z (B, N, D); evidence (B, M * S + 1, K) of the head, None without one; and the
    generator of the dropout, None to evaluate.

    Args:
        sides: M and S.
    """

    def __init__(self, config: Configuration, sides: tuple[int, int]) -> None:
        self.sides = sides
        self._rate = config.edge_decoder.dropout
        self._edge_decoder = EDGE_DECODERS[config.edge_decoder.type]
        self._head = HEADS[config.head.type]

    def pairs(
        self,
        parameters: Parameters,
        z: Tensor,
        evidence: Tensor | None,
        pairs: tuple[Tensor, Tensor],
        generator: Generator | None,
    ) -> Tensor:
        """(B, P) logits of given pairs: two (B, P) node indices, lower node first."""
        of_decoder = under(parameters, "edge_decoder.")
        drop = _drop(self._rate, generator)
        logits = self._edge_decoder.of_pairs(of_decoder, z, *pairs, drop)
        if self._head is None or evidence is None:
            return logits
        numbers = rows(evidence, evidence_rows(*pairs, self.sides))
        return logits + self._head.batched(under(parameters, "head."), numbers)

    def block(
        self,
        parameters: Parameters,
        z: Tensor,
        evidence: Tensor | None,
        generator: Generator | None,
    ) -> Tensor:
        """(B, M * S) logits of every pair of a row and a column, by the cheapest way."""
        of_decoder = under(parameters, "edge_decoder.")
        drop = _drop(self._rate, generator)
        logits = self._edge_decoder.of_block(of_decoder, z, self.sides[0], drop)
        if self._head is None or evidence is None:
            return logits
        return logits + self._head.batched(under(parameters, "head."), evidence[:, :-1])

    def pairs_in_training(
        self,
        parameters: Parameters,
        z: Tensor,
        evidence: Tensor | None,
        pairs: tuple[Tensor, Tensor],
        generator: Generator | None,
    ) -> Tensor:
        """As `pairs`; more than `PAIRS_AT_ONCE` part by part, in bounded memory.

        What a part's gradient needs is computed a second time in the backward pass.
        """
        at_once = pairs_at_once(z)
        if pairs[0].shape[1] <= at_once:
            return self.pairs(parameters, z, evidence, pairs, generator)

        def part(z: Tensor, first: Tensor, second: Tensor, number: int) -> Tensor:
            own = None
            if generator is not None:
                # Seeded here, so that both passes drop the same elements.
                own = Generator(z.device)
                own.manual_seed((generator.initial_seed() + number) % 2**63)
            return self.pairs(parameters, z, evidence, (first, second), own)

        parts = zip(*(torch.split(nodes, at_once, dim=1) for nodes in pairs), strict=True)
        return torch.cat(
            [
                checkpoint(part, z, first, second, number, use_reentrant=False)
                for number, (first, second) in enumerate(parts, start=1)
            ],
            dim=1,
        )


def pairs_at_once(z: Tensor) -> int:
    """How many pairs of each replica are decoded at once, for embeddings (B, N, D)."""
    return max(1, PAIRS_AT_ONCE.get(z.device.type, PAIRS_AT_ONCE["cpu"]) // len(z))


def degrees(
    config: DegreeDecoderConfig, parameters: Parameters, z: Tensor, generator: Generator | None
) -> Tensor:
    """(B, N) masked degrees; see `PairDecoder` for the arguments."""
    drop = _drop(config.dropout, generator)
    return batched_degrees(under(parameters, "degree_decoder."), z, drop)


def _drop(rate: float, generator: Generator | None) -> Drop:
    def drop(values: Tensor, *, in_place: bool = False) -> Tensor:
        if generator is None or rate == 0:
            return values
        return dropout(values, rate, generator, in_place=in_place)

    return drop
