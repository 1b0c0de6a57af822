"""What asks a search to stop, asks once for order and once more for haste."""

import signal
from collections.abc import Iterator

import pytest

from tuning import interrupt
from tuning.interrupt import ending_as_interrupted, interruptible

ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How often the terminal was let go of; this process keeps its own, also under `nohup`."""
    found: list[int] = []
    monkeypatch.setattr(interrupt, "let_go_of_terminal", lambda: found.append(1))
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield found
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", ASKING)
def test_the_first_is_ray_tunes_orderly_stop_and_the_second_stops_at_once(
    number: signal.Signals, terminal: list[int]
) -> None:
    before = {one: signal.getsignal(one) for one in (*ASKING, signal.SIGUSR1)}
    told: list[int] = []
    with interruptible() as asked:
        signal.signal(signal.SIGUSR1, lambda number, frame: told.append(number))  # as Tune does
        assert not asked.is_set()
        signal.raise_signal(number)
        assert asked.is_set()
        assert told == [signal.SIGUSR1]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert {one: signal.getsignal(one) for one in before} == before
    # Only a closed terminal takes no more words.
    assert len(terminal) == (2 if number == signal.SIGHUP else 0)


def test_before_ray_tune_listens_the_first_stops_at_once() -> None:
    with interruptible() as asked:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        assert asked.is_set()


def test_what_nohup_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interruptible() as asked, ending_as_interrupted():
        signal.raise_signal(signal.SIGHUP)
        assert not asked.is_set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_outside_a_search_each_is_a_ctrl_c(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with pytest.raises(KeyboardInterrupt), ending_as_interrupted():
            signal.raise_signal(number)
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)
