"""The encoders of every replica: `model.network.encoders.stack.Encoder`, batched.

Shape legend: B replicas, N nodes.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Generator, Tensor
from torch.nn.functional import batch_norm, elu

from model.network.batched_layers import under
from model.network.encoders.kinds import ENCODERS
from model.network.encoders.stack import EncoderConfig
from model.network.graph import Parameters, VisibleGraph
from model.training.batched.nodes import Embeddings, Features


def encode(
    config: EncoderConfig,
    parameters: Parameters,
    statistics: Mapping[str, Tensor],
    features: Features,
    graph: VisibleGraph,
    generator: Generator | None,
) -> Tensor:
    """(B, N, out_dim) embeddings, rows first.

    Args:
        parameters: of the plain model by their names there, each with a leading B.
        statistics: running means and variances of batch normalisation, updated in training.
        generator: of the dropout in training; None to evaluate.
    """
    kind = ENCODERS[config.type]
    nodes: Features | Embeddings = features
    for layer in range(config.layers):
        nodes = nodes.dropped(config.dropout, graph.n_replicas, generator)
        z = kind.batched(under(parameters, f"encoder.convolutions.{layer}."), nodes, graph)
        if config.norm == "batch":
            norm = f"encoder.norms.{layer}."
            z = _batch_norm(under(parameters, norm), under(statistics, norm), z, generator)
        z = elu(z)
        nodes = Embeddings(z)
    return z


def _batch_norm(
    parameters: Parameters, statistics: Parameters, h: Tensor, generator: Generator | None
) -> Tensor:
    """Batch normalisation over the nodes of each replica on its own.

    To torch the replicas' dimensions are that many channels of one layer.
    """
    replicas, nodes, dim = h.shape
    normalised = batch_norm(
        h.transpose(0, 1).reshape(nodes, replicas * dim),
        statistics["running_mean"].view(-1),
        statistics["running_var"].view(-1),
        parameters["weight"].reshape(-1),
        parameters["bias"].reshape(-1),
        training=generator is not None,
    )
    return normalised.view(nodes, replicas, dim).transpose(0, 1)
