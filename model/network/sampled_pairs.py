"""Sampled pairs: training learns to score the masked associations above them.

Nothing here knows the held-out associations. A pair is unknown unless it is a *training*
association, so a held-out association can be drawn like any other pair.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from model.config import Config


class SampledPairsConfig(Config):
    """Which pairs are drawn, and how many.

    ``bipartite`` draws pairs of a row and a column. ``homogeneous`` is the published code: it draws
    from all node pairs, so most are two rows and could never be an association.
    """

    scheme: Literal["bipartite", "homogeneous"] = "bipartite"
    per_association: Literal["all"] | Annotated[int, Field(ge=1, le=100)] = Field(
        1, description="drawn pairs per masked association; all is every candidate, each epoch"
    )


class PairSampler:
    """Draws unknown pairs uniformly, with replacement, from torch's global generator.

    Args:
        pairs: (2, K) node pairs of the training associations, row first.
        n_rows, n_nodes: nodes 0..n_rows-1 are rows, the rest columns.
    """

    def __init__(
        self, config: SampledPairsConfig, pairs: Tensor, n_rows: int, n_nodes: int
    ) -> None:
        known = torch.zeros((n_nodes, n_nodes), dtype=torch.bool, device=pairs.device)
        known[pairs[0], pairs[1]] = True
        # Each unordered pair once, lower node first: the upper triangle, or its bipartite block.
        if config.scheme == "bipartite":
            allowed = torch.zeros_like(known)
            allowed[:n_rows, n_rows:] = True
        else:
            allowed = torch.ones_like(known).triu(diagonal=1)
        self.candidates = (allowed & ~known).nonzero().T.contiguous()
        self.per_association = config.per_association

    def draw(self, n_masked: int) -> Tensor:
        """(2, n_masked * per_association) node pairs, none of them a training association."""
        if self.per_association == "all":
            return self.candidates
        count = n_masked * self.per_association
        chosen = torch.randint(self.candidates.shape[1], (count,), device=self.candidates.device)
        return self.candidates[:, chosen]
