"""`bench device`: what an epoch costs on one device, on a generated network of dataset2's size.

It needs torch, numpy and pydantic (configurations are checked by it), and this repository as the
current folder; none of the other libraries:

    python -m tuning.bench.device --device cuda
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

try:
    from model.data.similarities import Similarities
    from model.network.autoencoder import Configuration
    from model.training.batched.precision import Precision, precisions
    from model.training.batched.trainer import BatchedTrainer
except ModuleNotFoundError as error:
    sys.exit(f"no module {error.name!r}; try: pip install torch numpy pydantic")
from tuning.bench.measuring import Figure, document, in_turn, paired_ratio

EPOCHS = 20  # of one repeat
SIDES, ASSOCIATIONS = (286, 39), 664
REPLICAS = (1, 5, 25)
_MIB = 2**20


class GeneratedTrainer(BatchedTrainer):
    """The default configuration on random associations, from random weights.

    The plain model, whose weights a trainer starts from otherwise, needs PyTorch Geometric.
    """

    def __init__(self, replicas: int, device: torch.device, precision: Precision) -> None:
        random = np.random.default_rng(0)
        row, column = (
            torch.as_tensor(random.random((size, size), np.float32), device=device)
            for size in SIDES
        )
        chosen = random.choice(SIDES[0] * SIDES[1], ASSOCIATIONS, replace=False)
        pairs = np.stack(np.divmod(chosen, SIDES[1]), axis=1)
        super().__init__(
            Configuration(),
            Similarities(row, column),
            [pairs] * replicas,
            range(replicas),
            precision=precision,
        )

    def _initial(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        encoder, edge, degree = (
            self.config.encoder,
            self.config.edge_decoder,
            self.config.degree_decoder,
        )
        widths = [self.features.width, encoder.hidden_dim, encoder.out_dim]
        shapes: dict[str, tuple[int, ...]] = {}
        for layer, (width_in, width_out) in enumerate(pairwise(widths)):
            convolution = f"encoder.convolutions.{layer}."
            shapes[f"{convolution}eps"] = (1,)
            shapes[f"{convolution}nn.weight"] = (width_out, width_in)
            shapes[f"{convolution}nn.bias"] = (width_out,)
        for layer, width in enumerate(widths[1:]):
            for name in ("weight", "bias"):
                shapes[f"encoder.norms.{layer}.{name}"] = (width,)
        for name, hidden in (("edge", edge.hidden_dim), ("degree", degree.hidden_dim)):
            shapes[f"{name}_decoder.hidden.weight"] = (hidden, encoder.out_dim)
            shapes[f"{name}_decoder.hidden.bias"] = (hidden,)
            shapes[f"{name}_decoder.out.weight"] = (1, hidden)
            shapes[f"{name}_decoder.out.bias"] = (1,)
        random, replicas = torch.Generator().manual_seed(0), len(self.seeds)
        parameters = {
            name: (0.1 * torch.randn((replicas, *shape), generator=random)).to(self.device)
            for name, shape in shapes.items()
        }
        statistics = {
            f"encoder.norms.{layer}.{name}": torch.full((replicas, width), value).to(self.device)
            for layer, width in enumerate(widths[1:])
            for name, value in (("running_mean", 0.0), ("running_var", 1.0))
        }
        return parameters, statistics


def bench_device(
    device: torch.device, repeats: int, progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """Milliseconds per epoch and replica in each precision, captured as a CUDA graph or not.

    On a CPU with one thread, as a trial runs, and nothing to capture. Memory is what a GPU held at
    most while that many replicas trained, captured and in float32. Ratios are per replica, to the
    first figure.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _measured(device, repeats, progress)
    finally:
        torch.set_num_threads(threads)


def _measured(
    device: torch.device, repeats: int, progress: Callable[[int, int], None]
) -> dict[str, Any]:
    memory = [_memory(device, replicas) for replicas in REPLICAS] if device.type == "cuda" else []
    actions: dict[str, Callable[[], None]] = {}
    sizes: dict[str, int] = {}
    for replicas in REPLICAS:
        for precision in precisions(device):
            for capture in (False, True) if device.type == "cuda" else (False,):
                trainer = _trainer(replicas, device, precision, capture=capture)
                name = f"{replicas} replicas, {precision}"
                if device.type == "cuda":
                    reason = trainer.repeated.why_not_captured
                    name += ", captured" if reason is None else f", not captured ({reason})"
                actions[name], sizes[name] = _epochs(trainer), replicas
    seconds = in_turn(actions, repeats, progress)
    per_replica = {
        name: [1000 * value / (EPOCHS * sizes[name]) for value in values]
        for name, values in seconds.items()
    }
    figures = [
        Figure.of(name, values, "ms per epoch and replica") for name, values in per_replica.items()
    ]
    first = next(iter(per_replica))
    ratios = {
        f"{name} / {first}": paired_ratio(values, per_replica[first])
        for name, values in per_replica.items()
        if name != first
    }
    return document([*figures, *memory], ratios)


def _trainer(
    replicas: int, device: torch.device, precision: Precision, *, capture: bool
) -> GeneratedTrainer:
    trainer = GeneratedTrainer(replicas, device, precision)
    if not capture and device.type == "cuda":
        trainer.repeated.why_not_captured = "to compare"
    trainer.train_epoch()  # from here on it is known whether it could be captured
    return trainer


def _epochs(trainer: BatchedTrainer) -> Callable[[], None]:
    def action() -> None:
        for _ in range(EPOCHS):
            losses = trainer.train_epoch()
        losses.sum().item()  # waits for a GPU

    return action


def _memory(device: torch.device, replicas: int) -> Figure:
    gc.collect()  # of the trainer before this one
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    _epochs(_trainer(replicas, device, "float32", capture=True))()
    peak = (torch.cuda.max_memory_allocated(device) - before) / _MIB
    return Figure.of(f"{replicas} replicas, peak device memory", [peak], "MiB")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the document on stdout, progress on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m tuning.bench.device",
        description="What an epoch costs on one device, as one JSON document.",
        epilog="Example: python -m tuning.bench.device --device cuda --repeats 9",
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--repeats", type=int, default=9, help="turns; medians are given")
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("torch sees no GPU here; use --device cpu")
    result = bench_device(
        torch.device(options.device),
        options.repeats,
        lambda done, total: print(f"turn {done + 1} of {total} ...", file=sys.stderr),
    )
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
