"""What a CUDA graph asks of an epoch, checked without a GPU, and the way back where it fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from model.data.datasets import AssociationDataset
from model.data.similarities import Similarities
from model.training.batched.repeating import RepeatedEpoch
from model.training.batched.trainer import BatchedTrainer
from tests.contracts.checks import check_an_epoch_repeats
from tests.model.options import VARIANTS, configuration


def trained(dataset: AssociationDataset) -> BatchedTrainer:
    pairs = dataset.association_pairs
    trainer = BatchedTrainer(configuration(), Similarities.of(dataset), [pairs, pairs[5:]], [0, 1])
    trainer.train_epoch()
    return trainer


@pytest.mark.heavy
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: "-".join(str(x) for _, x in v))
def test_an_epoch_is_a_function_of_its_buffers_and_seed(
    variant: tuple[tuple[str, object], ...],
) -> None:
    check_an_epoch_repeats(configuration(variant))


def test_loading_a_checkpoint_writes_into_the_same_buffers(tiny: AssociationDataset) -> None:
    """A graph that was captured before goes on with what was loaded."""
    trainer, other = trained(tiny), trained(tiny)
    other.train_epoch()
    places = [tensor.data_ptr() for tensor in trainer.repeated._changed]
    trainer.load_state(other.state(), other.epoch)
    assert places == [tensor.data_ptr() for tensor in trainer.repeated._changed]
    assert torch.equal(trainer.train_epoch(), other.train_epoch())


def test_what_cuda_refuses_is_called_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """The warm-up leaves no trace either."""
    count = torch.zeros(1)

    def epoch() -> Tensor:
        return count.add_(torch.rand(1, generator=generator) + 1).clone()

    generator = Generator().manual_seed(3)
    expected = epoch()
    count.zero_()
    generator.manual_seed(3)
    _pretend_cuda(monkeypatch, refuses=True)
    repeated = RepeatedEpoch(epoch, [count], generator, None)
    assert torch.equal(repeated(), expected)
    assert repeated.why_not_captured == "CUDA refused: operation not permitted"


def test_what_is_captured_is_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    count = torch.zeros(1)
    generator = Generator().manual_seed(3)
    log = _pretend_cuda(monkeypatch, refuses=False)
    repeated = RepeatedEpoch(lambda: count.add_(1), [count], generator, None)
    first, second = repeated(), repeated()
    assert log == ["generator", "capture", "replay", "replay"]
    assert first.data_ptr() != second.data_ptr()  # not the graph's own tensor
    assert repeated.why_not_captured is None


def _pretend_cuda(monkeypatch: pytest.MonkeyPatch, *, refuses: bool) -> list[str]:
    """Stand-ins for the calls of a capture, which note that they were made."""
    log: list[str] = []

    class Graph:
        def register_generator_state(self, generator: Generator) -> None:
            log.append("generator")

        def replay(self) -> None:
            log.append("replay")

    class Stream:
        def wait_stream(self, stream: Any) -> None:
            pass

    @contextmanager
    def block(*arguments: Any) -> Iterator[None]:
        yield

    @contextmanager
    def capture(graph: Graph) -> Iterator[None]:
        log.append("capture")
        yield
        if refuses:
            raise RuntimeError("operation not permitted")

    for name, value in {
        "CUDAGraph": Graph,
        "Stream": Stream,
        "current_stream": Stream,
        "stream": block,
        "graph": capture,
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    return log
