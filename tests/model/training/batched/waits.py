"""What makes a host wait for its GPU, found on a CPU.

Some operations need a value that is on the device before they know what to do: `item`, a mask as an
index, `unique`, ... On CUDA each is a wait; on a CPU nothing tells but its name. Below Python, also
in the backward pass, `Waits` sees the operations of torch; above it, how a tensor is taken to the
host, and how one is made from values of the host, which a CUDA graph cannot repeat either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

# Their result's shape, or the host's next step, hangs on values.
OPERATIONS = {
    "_local_scalar_dense",
    "_unique2",
    "bincount",
    "equal",
    "histc",
    "masked_select",
    "multinomial",
    "nonzero",
    "unique_consecutive",
    "unique_dim",
}
TO_HOST = {"__array__", "cpu", "numpy", "tolist"}
FROM_HOST = {"as_tensor", "from_numpy", "tensor"}


@contextmanager
def waits() -> Iterator[list[str]]:
    """The names of what waited in the block, in their order."""
    found: list[str] = []
    with _Functions(found), _Operations(found):
        yield found


class _Operations(TorchDispatchMode):
    def __init__(self, found: list[str]) -> None:
        super().__init__()
        self.found = found

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        name = func.overloadpacket.__name__
        if name in OPERATIONS or _by_mask(name, args) or _counted(func, kwargs or {}):
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def _by_mask(name: str, args: Sequence[Any]) -> bool:
    """Indexing by booleans counts them first."""
    if name not in ("index", "index_put", "index_put_"):
        return False
    return any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1])


def _counted(func: Any, kwargs: Mapping[str, Any]) -> bool:
    return str(func) == "aten.repeat_interleave.Tensor" and kwargs.get("output_size") is None


class _Functions(TorchFunctionMode):
    def __init__(self, found: list[str]) -> None:
        super().__init__()
        self.found = found

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        name = getattr(func, "__name__", "")
        moved = func is Tensor.to and "cpu" in map(str, (*args[1:], *(kwargs or {}).values()))
        # A number among the choices of `where` is copied to the device, which waits.
        numbers = name == "where" and any(isinstance(value, int | float) for value in args)
        if name in TO_HOST | FROM_HOST or moved or numbers:
            self.found.append(name)
        return func(*args, **(kwargs or {}))
