"""The decoders and the head of every replica, with a leading replica dimension.

Shape legend: B replicas, M miRNAs, S small molecules, N nodes, P pairs, D dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Generator, Tensor
from torch.nn.functional import elu

from model.network.autoencoder import Configuration
from model.network.decoders import DegreeDecoderConfig
from model.training.batched.dropout import dropout

Parameters = Mapping[str, Tensor]


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
        z: (B, N, D) embeddings.
        pairs: two (B, P) node indices, lower node first.
        evidence: (B, M * S + 1, 9) of the head, None without one.
        sides: M and S.
        generator: of the dropout in training; None to evaluate.
    """
    decoder, rate = config.edge_decoder, config.edge_decoder.dropout
    first, second = pairs
    if decoder.type in ("dot", "bilinear"):
        z = _dropped(z, rate, generator)
        left = z if decoder.type == "dot" else torch.bmm(z, parameters["edge_decoder.weight"])
        logits = (_rows(left, first) * _rows(z, second)).sum(dim=2)
        if decoder.type == "bilinear":
            logits = logits + parameters["edge_decoder.bias"][:, None]
    else:
        one, other = _rows(z, first), _rows(z, second)
        joined = one * other if decoder.type == "hadamard" else torch.cat((one, other), dim=2)
        logits = _two_layers(
            parameters, "edge_decoder.", _dropped(joined, rate, generator, in_place=True)
        )
    if evidence is None:
        return logits
    n_mirnas, n_small_molecules = sides
    crosses = (first < n_mirnas) & (second >= n_mirnas)
    row = first * n_small_molecules + second - n_mirnas
    row = row.masked_fill(~crosses, n_mirnas * n_small_molecules)
    return logits + _head(parameters, _rows(evidence, row))


def block_logits(
    config: Configuration,
    parameters: Parameters,
    z: Tensor,
    evidence: Tensor | None,
    sides: tuple[int, int],
    generator: Generator | None,
) -> Tensor:
    """(B, M * S) logits of every miRNA-small molecule pair, by the cheapest way; see above."""
    decoder, rate = config.edge_decoder, config.edge_decoder.dropout
    n_mirnas, n_small_molecules = sides
    if decoder.type in ("dot", "bilinear"):
        z = _dropped(z, rate, generator)
        mirna, small_molecule = z[:, :n_mirnas], z[:, n_mirnas:]
        if decoder.type == "bilinear":
            mirna = torch.bmm(mirna, parameters["edge_decoder.weight"])
        logits = torch.bmm(mirna, small_molecule.mT)
        if decoder.type == "bilinear":
            logits = logits + parameters["edge_decoder.bias"][:, None, None]
    else:
        one, other = z[:, :n_mirnas, None], z[:, None, n_mirnas:]
        if decoder.type == "hadamard":
            joined = one * other
        else:
            shape = (-1, n_mirnas, n_small_molecules, -1)
            joined = torch.cat((one.expand(shape), other.expand(shape)), dim=3)
        joined = _dropped(joined.flatten(1, 2), rate, generator, in_place=True)
        logits = _two_layers(parameters, "edge_decoder.", joined).view(
            -1, n_mirnas, n_small_molecules
        )
    logits = logits.flatten(1)
    if evidence is None:
        return logits
    return logits + _head(parameters, evidence[:, :-1])


def degrees(
    config: DegreeDecoderConfig, parameters: Parameters, z: Tensor, generator: Generator | None
) -> Tensor:
    """(B, N) masked degrees, as `model.network.decoders.DegreeDecoder`."""
    name = "degree_decoder."
    hidden = _linear(parameters, name + "hidden.", z)
    hidden = elu(_dropped(hidden, config.dropout, generator, in_place=True))
    return elu(_linear(parameters, name + "out.", hidden)).squeeze(2)


def _head(parameters: Parameters, numbers: Tensor) -> Tensor:
    linear = _linear(parameters, "head.linear.", numbers).squeeze(2)
    return linear + _two_layers(parameters, "head.", numbers)


def _two_layers(parameters: Parameters, prefix: str, x: Tensor) -> Tensor:
    hidden = elu(_linear(parameters, prefix + "hidden.", x))
    return _linear(parameters, prefix + "out.", hidden).squeeze(2)


def _linear(parameters: Parameters, prefix: str, x: Tensor) -> Tensor:
    weight, bias = parameters[prefix + "weight"], parameters[prefix + "bias"]
    return torch.baddbmm(bias[:, None], x, weight.mT)


def _rows(table: Tensor, index: Tensor) -> Tensor:
    """(B, P, D) rows of (B, n, D) by (B, P) indices."""
    replicas, n, _ = table.shape
    offsets = torch.arange(0, replicas * n, n, device=index.device)[:, None]
    rows = table.reshape(replicas * n, -1).index_select(0, (index + offsets).flatten())
    return rows.view(*index.shape, -1)


def _dropped(
    values: Tensor, rate: float, generator: Generator | None, *, in_place: bool = False
) -> Tensor:
    if generator is None or rate == 0:
        return values
    return dropout(values, rate, generator, in_place=in_place)
