"""The masked graph autoencoder of the paper (JMSS-MMA), from its configuration to its loss.

Shape legend: M rows, S columns, N nodes, F features per node, P pairs, D dimensions of an
embedding, K numbers of a head for a pair.
"""

from __future__ import annotations

from typing import Self

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from model.config import Config
from model.network.degree_decoder import DegreeDecoder, DegreeDecoderConfig
from model.network.edge_decoders.kinds import EdgeDecoderConfig, edge_decoder
from model.network.encoders.stack import Encoder, EncoderConfig
from model.network.features import FeatureConfig
from model.network.heads.evidence import evidence_rows
from model.network.heads.kinds import HEADS, HeadConfig
from model.network.masks.interface import MaskedGraph
from model.network.masks.kinds import MaskConfig
from model.network.sampled_pairs import SampledPairsConfig


class TrainingConfig(Config):
    """Adam on the full graph, one step per epoch."""

    epochs: int = Field(300, ge=1, description="epochs of the full budget")
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(5e-5, ge=0)
    gradient_norm: float = Field(1.0, gt=0, description="gradients are clipped to this norm")
    seeds: int = Field(
        1, ge=1, description="models that differ in their seed alone, probabilities averaged"
    )


class Configuration(Config):
    """One configuration of the model: everything a trial needs besides data, folds and seed."""

    features: FeatureConfig = FeatureConfig()
    mask: MaskConfig = MaskConfig()
    encoder: EncoderConfig = EncoderConfig()
    edge_decoder: EdgeDecoderConfig = EdgeDecoderConfig()
    head: HeadConfig = HeadConfig()
    degree_decoder: DegreeDecoderConfig = DegreeDecoderConfig()
    sampled_pairs: SampledPairsConfig = SampledPairsConfig()
    training: TrainingConfig = TrainingConfig()

    @classmethod
    def published(cls, epochs: int = 1000) -> Self:
        """The published code's model with the paper's alpha and mask rate ("Experimental setup").

        1000 epochs is what the published code trains. Its accuracy threshold, a logit of 0.5, is
        left at a probability of 0.5, as the paper defines its indicators.
        """
        return cls(
            mask=MaskConfig(rate=0.4, scheme="per_direction"),
            degree_decoder=DegreeDecoderConfig(alpha=0.06),
            sampled_pairs=SampledPairsConfig(scheme="homogeneous"),
            training=TrainingConfig(epochs=epochs),
        )


class MaskedGraphAutoencoder(nn.Module):
    """Encoder, edge decoder, degree decoder and, where asked for, the head.

    Args:
        in_dim: F.
        sides: number of rows and of columns.
        weights_only: for its parameters alone, see `Encoder`.

    Shapes:
        loss: -> scalar
        logits: z (N, D), pairs (2, P), evidence (M * S + 1, K) or None -> (P,)
    """

    def __init__(
        self,
        config: Configuration,
        in_dim: int,
        sides: tuple[int, int],
        *,
        weights_only: bool = False,
    ) -> None:
        super().__init__()
        self.alpha = config.degree_decoder.alpha
        self.encoder = Encoder(config.encoder, in_dim, weights_only=weights_only)
        self.edge_decoder = edge_decoder(config.edge_decoder, config.encoder.out_dim)
        self.degree_decoder = DegreeDecoder(config.degree_decoder, config.encoder.out_dim)
        head = HEADS[config.head.type]
        self.head = head.plain(config.head.hidden_dim) if head else None
        self.sides = sides

    def logits(self, z: Tensor, pairs: Tensor, evidence: Tensor | None) -> Tensor:
        """Logit of an association, the head's opinion added to the edge decoder's."""
        decoded: Tensor = self.edge_decoder(z, pairs)
        if self.head is None or evidence is None:
            return decoded
        opinion: Tensor = self.head(evidence[evidence_rows(pairs[0], pairs[1], self.sides)])
        return decoded + opinion

    def loss(
        self, x: Tensor, graph: MaskedGraph, sampled: Tensor, evidence: Tensor | None = None
    ) -> Tensor:
        """Equation 6: reconstruct the masked associations, tell them from the sampled pairs.

        Each class's cross-entropy (equation 4) is averaged on its own and the two are added, as
        published, so the ratio of sampled to masked pairs does not shift the balance.
        """
        z = self.encoder(x, graph.visible)
        masked = self.logits(z, graph.masked, evidence)
        unknown = self.logits(z, sampled, evidence)
        edge_loss = binary_cross_entropy_with_logits(masked, torch.ones_like(masked))
        edge_loss = edge_loss + binary_cross_entropy_with_logits(unknown, torch.zeros_like(unknown))
        if self.alpha == 0:
            return edge_loss
        return edge_loss + self.alpha * mse_loss(self.degree_decoder(z), graph.masked_degree)
