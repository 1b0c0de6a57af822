"""The paper's ablation without masking: the encoder sees all that it has to reconstruct."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from model.network.graph import Associations, node_degrees
from model.network.masks.hiding import both_directions
from model.network.masks.interface import Mask, MaskedGraph, MaskKind


def _plain(pairs: Tensor, n_nodes: int, rate: float, walk_length: int) -> MaskedGraph:
    degree = torch.bincount(pairs.flatten(), minlength=n_nodes).to(torch.float32)
    return MaskedGraph(both_directions(pairs, n_nodes), pairs, degree)


def _batched(
    associations: Associations, rate: float, walk_length: int
) -> Callable[[Generator], Mask]:
    def draw(generator: Generator) -> Mask:
        visible = associations.all_visible
        return Mask(
            visible=visible,
            first=associations.row,
            second=associations.column + associations.n_rows,
            weight=associations.valid.to(torch.float32),
            masked_degree=node_degrees(visible).squeeze(2),
        )

    return draw


UNMASKED = MaskKind(_plain, _batched, hides=False)
