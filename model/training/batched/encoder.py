"""The encoders of every replica: `model.network.encoders.Encoder` with a leading replica dimension.

Shape legend: B replicas, M miRNAs, S small molecules, N = M + S nodes, D and H dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Generator, Tensor
from torch.nn.functional import batch_norm, elu, leaky_relu

from model.network.encoders import EncoderConfig
from model.training.batched.dropout import dropout
from model.training.batched.features import SideFeatures
from model.training.batched.graph import AnyVisibleGraph, VisibleGraph

_SLOPE = 0.2  # of GAT's leaky ReLU, as in PyG

Parameters = Mapping[str, Tensor]


def encode(
    config: EncoderConfig,
    parameters: Parameters,
    statistics: Mapping[str, Tensor],
    features: tuple[SideFeatures, SideFeatures],
    graph: AnyVisibleGraph,
    generator: Generator | None,
) -> Tensor:
    """(B, N, out_dim) embeddings, miRNAs first.

    Args:
        parameters: of the plain model by their names there, each with a leading B.
        statistics: running means and variances of batch normalisation, updated in training.
        generator: of the dropout in training; None to evaluate.
    """
    replicas = graph.n_replicas
    x: tuple[SideFeatures, SideFeatures] | Tensor = features
    for layer in range(config.layers):
        if isinstance(x, Tensor):
            if generator is not None and config.dropout:
                x = dropout(x, config.dropout, generator)
        else:
            mirna, small_molecule = (
                side.dropped(config.dropout, replicas, generator) for side in x
            )
            x = (mirna, small_molecule)
        convolution = _Convolution(parameters, f"encoder.convolutions.{layer}.", graph)
        h = convolution.of(config.type, x)
        if config.norm == "batch":
            h = _batch_norm(parameters, statistics, f"encoder.norms.{layer}.", h, generator)
        x = elu(h)
    assert isinstance(x, Tensor)
    return x


class _Convolution:
    """One convolution of all replicas; each kind is PyG's layer of that name."""

    def __init__(self, parameters: Parameters, prefix: str, graph: AnyVisibleGraph) -> None:
        self.parameters = parameters
        self.prefix = prefix
        self.graph = graph

    def of(self, kind: str, x: tuple[SideFeatures, SideFeatures] | Tensor) -> Tensor:
        return {
            "linear": self._linear,
            "gin": self._gin,
            "gcn": self._gcn,
            "sage": self._sage,
            "gat": self._gat,
        }[kind](x)

    def __getitem__(self, name: str) -> Tensor:
        return self.parameters[self.prefix + name]

    def _linear(self, x: tuple[SideFeatures, SideFeatures] | Tensor) -> Tensor:
        return _times(x, self["linear.weight"]) + self["linear.bias"][:, None]

    def _gin(self, x: tuple[SideFeatures, SideFeatures] | Tensor) -> Tensor:
        own = (1 + self["eps"])[:, :, None]
        summed = self._in_cheaper_order(x, self["nn.weight"], lambda h: h * own + self._summed(h))
        return summed + self["nn.bias"][:, None]

    def _gcn(self, x: tuple[SideFeatures, SideFeatures] | Tensor) -> Tensor:
        scale = (torch.cat(self.graph.degrees(), dim=1) + 1).rsqrt()  # itself among the neighbours

        def averaged(h: Tensor) -> Tensor:
            h = h * scale
            return (h + self._summed(h)) * scale

        return self._in_cheaper_order(x, self["lin.weight"], averaged) + self["bias"][:, None]

    def _sage(self, x: tuple[SideFeatures, SideFeatures] | Tensor) -> Tensor:
        own = _times(x, self["lin_r.weight"])
        counts = torch.cat(self.graph.degrees(), dim=1).clamp(min=1)
        weight = self["lin_l.weight"]
        if isinstance(x, Tensor):
            summed = torch.bmm(self._summed(x), weight.mT)
        else:
            # Few small molecules and wide features of many miRNAs: sum those first.
            mirna, small_molecule = x
            parts = [
                torch.bmm(self.graph.to_small_molecules(block.values), block.weights(weight).mT)
                for block in mirna.blocks
            ]
            to_mirnas = self.graph.to_mirnas(small_molecule.linear(weight))
            summed = torch.cat((to_mirnas, sum(parts[1:], parts[0])), dim=1)
        return own + summed / counts + self["lin_l.bias"][:, None]

    def _gat(self, x: tuple[SideFeatures, SideFeatures] | Tensor) -> Tensor:
        h = _times(x, self["lin.weight"])
        n_mirnas = self.graph.n_mirnas
        source = (h * self["att_src"][:, 0]).sum(dim=2)
        target = (h * self["att_dst"][:, 0]).sum(dim=2)
        assert isinstance(self.graph, VisibleGraph)  # checked by the trainer
        block = self.graph.block
        sides = (
            (slice(None, n_mirnas), slice(n_mirnas, None), block),
            (slice(n_mirnas, None), slice(None, n_mirnas), block.mT),
        )
        attended = []
        for own, others, edges in sides:
            scores = target[:, own, None] + source[:, None, others]
            scores = leaky_relu(scores, _SLOPE).masked_fill(edges == 0, -torch.inf)
            itself = leaky_relu(target[:, own] + source[:, own], _SLOPE)[:, :, None]
            share = torch.softmax(torch.cat((scores, itself), dim=2), dim=2)
            attended.append(
                torch.bmm(share[:, :, :-1], h[:, others]) + share[:, :, -1:] * h[:, own]
            )
        return torch.cat(attended, dim=1) + self["bias"][:, None]

    def _in_cheaper_order(
        self,
        x: tuple[SideFeatures, SideFeatures] | Tensor,
        weight: Tensor,
        aggregate: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """Transform and aggregate: both are linear, so the narrower side is what is aggregated."""
        if isinstance(x, Tensor) and x.shape[2] < weight.shape[1]:
            return _times(aggregate(x), weight)
        return aggregate(_times(x, weight))

    def _summed(self, h: Tensor) -> Tensor:
        """(B, N, D) sum over each node's neighbours."""
        mirna, small_molecule = h[:, : self.graph.n_mirnas], h[:, self.graph.n_mirnas :]
        to_mirnas = self.graph.to_mirnas(small_molecule)
        return torch.cat((to_mirnas, self.graph.to_small_molecules(mirna)), dim=1)


def _times(x: tuple[SideFeatures, SideFeatures] | Tensor, weight: Tensor) -> Tensor:
    """(B, N, H): features or embeddings times weights (B, H, D)."""
    if isinstance(x, Tensor):
        return torch.bmm(x, weight.mT)
    return torch.cat([side.linear(weight) for side in x], dim=1)


def _batch_norm(
    parameters: Parameters,
    statistics: Mapping[str, Tensor],
    prefix: str,
    h: Tensor,
    generator: Generator | None,
) -> Tensor:
    """Batch normalisation over the nodes of each replica on its own.

    To torch the replicas' dimensions are that many channels of one layer.
    """
    replicas, nodes, dim = h.shape
    normalised = batch_norm(
        h.transpose(0, 1).reshape(nodes, replicas * dim),
        statistics[prefix + "running_mean"].view(-1),
        statistics[prefix + "running_var"].view(-1),
        parameters[prefix + "weight"].reshape(-1),
        parameters[prefix + "bias"].reshape(-1),
        training=generator is not None,
    )
    return normalised.view(nodes, replicas, dim).transpose(0, 1)
