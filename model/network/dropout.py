"""Dropout from random bytes: torch's own draws cost ten times as much on a CPU."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

_LEVELS = 256  # a byte: the rate is rounded to 1/256, and the scale with it


def dropout(
    values: Tensor,
    rate: float,
    generator: Generator,
    replicas: int | None = None,
    *,
    in_place: bool = False,
) -> Tensor:
    """Zero elements with probability ``rate``, rounded to 1/256, and scale the others up.

    Args:
        values: of any shape.
        replicas: with (n, w) shared values, make (replicas, n, w) of them, each with a mask of its
            own.
        in_place: overwrite the values; for where nothing else reads them.
    """
    shape = values.shape
    if replicas is not None and values.ndim == 2:
        shape = torch.Size((replicas, *shape))
    keep = max(1, round(_LEVELS * (1 - rate)))
    if keep == _LEVELS:  # as a byte it would be 0, and the comparison below would keep nothing
        return values.expand(shape)
    words = (shape.numel() + 7) // 8
    drawn = torch.empty(words, dtype=torch.int64, device=values.device)
    drawn.random_(-(2**63), None, generator=generator)
    # Compared straight into floats, because going through booleans takes ten times as long; and
    # multiplied in place, because allocating a large tensor costs more than filling it.
    kept = torch.empty(shape, dtype=values.dtype, device=values.device)
    torch.lt(drawn.view(torch.uint8)[: shape.numel()].view(shape), keep, out=kept)
    scale = _LEVELS / keep
    if not values.requires_grad:
        return torch.mul(kept, values * scale, out=kept)
    kept.mul_(scale)
    return values.mul_(kept) if in_place else values * kept
