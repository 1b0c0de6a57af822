"""How many trials share a device: whatever is measured, the choice fits and is worth it."""

import re
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from model.errors import InputError
from tests.tuning.probes import GIB, probe
from tuning.cluster.session import trial_resources
from tuning.forecast.packing import choose, number_that_fits
from tuning.forecast.probe import MARGIN, Probe

sizes = st.integers(GIB // 10, 100 * GIB)
taken = st.integers(GIB // 100, 10 * GIB)  # mostly by far less than there is
rates = st.floats(0.01, 1000)
gpus = st.builds(
    probe,
    cores=st.integers(1, 64),
    device_memory=sizes,
    machine_memory=sizes,
    trial_device_memory=taken,
    trial_machine_memory=taken,
    throughput=st.builds(
        lambda rates: {2**k: rate for k, rate in enumerate(rates)},
        st.lists(rates, min_size=1, max_size=5),
    ),
)
machines = st.builds(
    probe,
    device=st.just("cpu"),
    cores=st.integers(1, 64),
    device_memory=st.just(0),
    machine_memory=sizes,
    trial_device_memory=st.just(0),
    trial_machine_memory=taken,
)


def fits(one: Probe, number: int) -> bool:
    return (
        number * one.trial_device_memory <= (1 - MARGIN) * one.device_memory
        and number * one.trial_machine_memory <= (1 - MARGIN) * one.machine_memory
    )


@settings(deadline=None)
@given(gpus | machines)
def test_the_choice_fits_with_the_margin_or_one_trial_does_not(one: Probe) -> None:
    if not fits(one, 1):
        with pytest.raises(InputError, match="do not fit"):
            choose(one)
        return
    chosen = choose(one)
    assert fits(one, chosen.per_device)
    assert 1 <= chosen.per_device <= one.cores
    # Ray lets so many in by what each asks for, and does not let more in than have memory.
    assert chosen.per_device * chosen.gpus <= 1
    assert chosen.per_device * chosen.memory <= one.machine_memory + 64
    assert chosen.memory >= one.trial_machine_memory
    assert re.search(rf"\b{chosen.per_device} at once", chosen.reason)


@settings(deadline=None)
@given(gpus)
def test_on_a_gpu_no_other_number_that_fits_is_much_faster_and_no_smaller_as_fast(
    one: Probe,
) -> None:
    assume(fits(one, 1))
    chosen = choose(one)
    others = {n: r for n, r in one.throughput.items() if n <= one.cores and fits(one, n)}
    rate = others.pop(chosen.per_device)
    best = max([rate, *others.values()])
    assert rate * 1.05 >= best
    assert all(r * 1.05 < best for n, r in others.items() if n < chosen.per_device)


@settings(deadline=None)
@given(machines)
def test_without_a_gpu_it_is_a_core_each_or_what_memory_lets_in(one: Probe) -> None:
    assume(fits(one, 1))
    chosen = choose(one)
    assert chosen.gpus == 0
    assert chosen.per_device == one.cores or not fits(one, chosen.per_device + 1)
    assert "torch sees no GPU: one thread a trial" in chosen.reason


@settings(deadline=None)
@given(gpus, st.integers(2, 10))
def test_more_memory_never_lets_fewer_in(one: Probe, factor: int) -> None:
    import dataclasses

    assume(fits(one, 1))
    larger = dataclasses.replace(
        one,
        device_memory=factor * one.device_memory,
        machine_memory=factor * one.machine_memory,
    )
    rate, larger_rate = (p.throughput[choose(p).per_device] for p in (one, larger))
    assert larger_rate * 1.05 >= rate


@pytest.mark.parametrize(
    ("measured", "number"),
    [
        ({}, 4),
        ({"cores": 2}, 2),
        ({"trial_device_memory": 8 * GIB}, 2),
        ({"trial_machine_memory": 5 * GIB}, 2),
        ({"throughput": {1: 10.0, 2: 10.2, 4: 10.3}}, 1),  # the GPU is busy with one
        ({"throughput": {1: 10.0, 2: 14.0, 4: 9.0}}, 2),  # too many get in each other's way
    ],
)
def test_each_limit_is_seen(measured: dict[str, Any], number: int) -> None:
    chosen = choose(probe(**measured))
    assert chosen.per_device == number
    assert chosen.gpus == pytest.approx(1 / number, abs=1e-4)


def test_a_number_that_was_asked_for_and_does_not_fit_is_refused_with_one_that_does() -> None:
    small = probe(trial_device_memory=8 * GIB)
    assert number_that_fits(small, 2) == 2
    with pytest.raises(InputError, match="4 at once do not fit") as caught:
        number_that_fits(small, 4)
    assert caught.value.hint == "`--gpus-per-trial auto` lets 2 share it"
    with pytest.raises(InputError, match="1 at once do not fit"):
        choose(probe(trial_device_memory=25 * GIB))


def test_an_epoch_side_by_side_takes_as_long_as_was_measured() -> None:
    one = probe()
    assert [one.slowdown(n) for n in (1, 2, 3, 4, 9)] == pytest.approx(
        [1, 20 / 18, 20 / 18, 40 / 30, 40 / 30]
    )
    assert probe(throughput={1: 10.0, 2: 21.0}).slowdown(2) == 1


def test_gpus_that_are_not_there_are_refused_and_memory_bounds_the_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    has = {"CPU": 8.0, "memory": 10.0 * GIB}
    monkeypatch.setattr("tuning.cluster.session.cluster_capacity", lambda address: has)
    with pytest.raises(InputError, match=r"asks for 0\.5 GPUs, Ray sees 0"):
        trial_resources(0.5)
    assert trial_resources(None).at_once == 8
    alone = trial_resources(None, memory=3 * GIB)
    assert (alone.at_once, alone.bundle) == (3, {"CPU": 1.0, "memory": 3 * GIB})
    has["GPU"] = 2.0
    assert trial_resources(0.25, memory=GIB).at_once == 8
