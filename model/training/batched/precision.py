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

# The default of each device. bf16 changes no score (`test_neutrality.py`), and tf32 is finer. On a
# CPU bf16 is not the default, because oneDNN's calls cost as much time as it saves.
DEFAULTS: dict[str, Precision] = {"cpu": "float32", "cuda": "tf32"}


def precisions(device: torch.device) -> tuple[Precision, ...]:
    """float32, then what the device computes faster."""
    if device.type == "cuda":
        fast = torch.cuda.get_device_capability(device) >= (8, 0)
        return ("float32", "tf32") if fast else ("float32",)
    return ("float32", "bf16") if torch.cpu.get_capabilities().get("amx_bf16") else ("float32",)


@contextmanager
def products(precision: Precision) -> Iterator[None]:
    """In the block, compute matrix products of float32 tensors with this precision."""
    mkldnn: Any = torch.backends.mkldnn  # torch's types do not know that it has a matmul
    cuda, cpu = torch.backends.cuda.matmul, mkldnn.matmul
    before = cuda.fp32_precision, cpu.fp32_precision
    cuda.fp32_precision = "tf32" if precision == "tf32" else "ieee"
    cpu.fp32_precision = "bf16" if precision == "bf16" else "ieee"
    try:
        yield
    finally:
        cuda.fp32_precision, cpu.fp32_precision = before
