"""The epoch as a CUDA graph: the host launches the graph instead of hundreds of operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Generator, Tensor

_WARM_UPS = 3  # as torch's documentation advises before a capture


class RepeatedEpoch:
    """An epoch that is captured when it is first called, and replayed from then on.

    Where it cannot be captured, it is called each time, and ``why_not_captured`` says why.

    Args:
        epoch: does one step and returns the losses, (B,). It reads and writes the same tensors
            every time, never waits for the device, and draws from the generator alone.
        changed: every tensor that it writes.
        generator: the caller seeds it before each epoch.
        why_not_captured: a reason not to capture; None to try.
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
        return losses.clone()  # the next replay overwrites them

    def _capture(self) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        graph = torch.cuda.CUDAGraph()
        # So a replay draws from the generator as seeded before the replay, not before the capture.
        graph.register_generator_state(self._generator)
        with unchanged(self._changed, self._generator):
            cuda: Any = torch.cuda  # torch has no types for its streams
            stream = cuda.Stream()
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
    """Restore the tensors afterwards, and set the generator back to the start of its seed."""
    before = [tensor.clone() for tensor in tensors]
    try:
        yield
    finally:
        generator.manual_seed(generator.initial_seed())
        for tensor, value in zip(tensors, before, strict=True):
            tensor.detach().copy_(value)
