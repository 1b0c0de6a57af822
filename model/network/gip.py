"""The Gaussian interaction profile kernel (van Laarhoven et al. 2011), written once."""

from __future__ import annotations

import torch
from torch import Tensor


def gip_exponents(profiles: Tensor) -> Tensor:
    """The kernel's logarithm, -|b_i - b_j|^2 / mean_i |b_i|^2.

    Without its exponential, which numpy and torch round differently: the baselines take numpy's.

    Args:
        profiles: (B, n, d), of each network a node's associations as a row of 0 and 1.

    Returns:
        (B, n, n) at most 0; all 0 where there is no association at all.
    """
    squared = profiles.sum(dim=2)  # of 0s and 1s: the sum is the sum of squares
    mean = squared.mean(dim=1).clamp(min=1e-12)[:, None, None]
    # Whole numbers all the way: the distance is exact, and never below 0.
    distance = torch.baddbmm(
        squared[:, :, None] + squared[:, None, :], profiles, profiles.mT, alpha=-2
    )
    return distance.div_(-mean)


def gip_kernels(profiles: Tensor) -> Tensor:
    """(B, n, n) kernels in (0, 1] of profiles (B, n, d); all 1 where there is no association."""
    return torch.exp_(gip_exponents(profiles))
