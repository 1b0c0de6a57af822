"""The epoch as a CUDA graph: the host launches one thing instead of hundreds of operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Generator, Tensor

_WARM_UPS = 3  # as torch's documentation advises before a capture


class RepeatedEpoch:
    """An epoch that is captured when it is first called, and replayed from then on.

    Where it cannot be captured, it is called; ``why_not_captured`` says why.

    Args:
        epoch: one step; the losses, (B,). It reads and writes the same tensors every time and waits
            for nothing; its randomness is that of the generator, which the caller has seeded.
        changed: every tensor that it writes.
        why_not_captured: None to try.
    """

    def __init__(
        self,
        epoch: Callable[[], Tensor],
        changed: Sequence[Tensor],
        generator: Generator,
        why_not_captured: str | None,
    ) -> None:
        self._epoch = epoch
        self._changed = changed
        self._generator = generator
        self.why_not_captured = why_not_captured
        self._captured: tuple[torch.cuda.CUDAGraph, Tensor] | None = None

    def __call__(self) -> Tensor:
        """One epoch; its losses."""
        if self.why_not_captured is None and self._captured is None:
            try:
                self._captured = self._capture()
            except RuntimeError as error:
                self.why_not_captured = f"CUDA refused: {error}"
        if self._captured is None:
            return self._epoch()
        graph, losses = self._captured
        graph.replay()
        return losses.clone()  # the next replay writes over them

    def _capture(self) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        graph = torch.cuda.CUDAGraph()
        # A replay then draws from the generator as it is seeded at that time, not at the capture.
        graph.register_generator_state(self._generator)
        with unchanged(self._changed, self._generator):
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(_WARM_UPS):
                    self._epoch()
            torch.cuda.current_stream().wait_stream(stream)
            with torch.cuda.graph(graph):
                losses = self._epoch()
        return graph, losses


@contextmanager
def unchanged(tensors: Sequence[Tensor], generator: Generator) -> Iterator[None]:
    """Afterwards the tensors hold what they held before, and the generator starts from its seed."""
    before = [tensor.clone() for tensor in tensors]
    try:
        yield
    finally:
        generator.manual_seed(generator.initial_seed())
        for tensor, value in zip(tensors, before, strict=True):
            tensor.detach().copy_(value)
