"""How exactly the matrix products of training are computed; evaluation has full float32.

``float32`` rounds to 24 bits. ``tf32`` is a GPU's: factors rounded to 11 bits, sums in float32.
``bf16`` is oneDNN's on a CPU with AMX: factors rounded to 8 bits, sums in float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch

Precision = Literal["float32", "tf32", "bf16"]

# Of each device. bf16 moves no score (`test_neutrality.py`), so tf32, which is finer, is
# not expected to. On a CPU bf16 is no default: what it saves, oneDNN's calls take again.
DEFAULTS: dict[str, Precision] = {"cpu": "float32", "cuda": "tf32"}


def precisions(device: torch.device) -> tuple[Precision, ...]:
    """What a device computes faster than float32, after float32."""
    if device.type == "cuda":
        fast = torch.cuda.get_device_capability(device) >= (8, 0)
        return ("float32", "tf32") if fast else ("float32",)
    return ("float32", "bf16") if torch.cpu.get_capabilities().get("amx_bf16") else ("float32",)


@contextmanager
def products(precision: Precision) -> Iterator[None]:
    """Matrix products of float32 tensors in the block have this precision."""
    mkldnn: Any = torch.backends.mkldnn  # torch's types do not know that it has a matmul
    cuda, cpu = torch.backends.cuda.matmul, mkldnn.matmul
    before = cuda.fp32_precision, cpu.fp32_precision
    cuda.fp32_precision = "tf32" if precision == "tf32" else "ieee"
    cpu.fp32_precision = "bf16" if precision == "bf16" else "ieee"
    try:
        yield
    finally:
        cuda.fp32_precision, cpu.fp32_precision = before
