"""The learning rate rises once, falls as asked, and never leaves its bounds."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.spec.train import ScheduleSpec
from tunewright.train.schedule import learning_rate_scale

shares = st.floats(0, 1)
schedules = st.builds(
    ScheduleSpec,
    kind=st.sampled_from(["cosine", "linear", "constant", "wsd"]),
    warmup=shares,
    floor=shares,
    decay=shares,
)
lengths = st.integers(1, 400)


def num_of(share: float, num_steps: int) -> int:
    """Return the whole number of steps of a share, rounded up but for float noise."""
    return math.ceil(share * num_steps - 1e-9)


def scales(spec: ScheduleSpec, num_steps: int) -> list[float]:
    return [learning_rate_scale(spec, step, num_steps) for step in range(num_steps)]


@settings(deadline=None)
@given(schedules, lengths)
def test_every_step_is_within_0_and_1_and_moves_the_weights(spec: ScheduleSpec, num_steps: int) -> None:
    values = scales(spec, num_steps)
    assert all(0.0 < value <= 1.0 for value in values)


@settings(deadline=None)
@given(schedules, lengths)
def test_it_rises_through_the_warm_up_and_never_afterwards(spec: ScheduleSpec, num_steps: int) -> None:
    values, num_warmup = scales(spec, num_steps), num_of(spec.warmup, num_steps)
    assert all(a < b for a, b in pairwise(values[:num_warmup]))
    assert all(a >= b for a, b in pairwise(values[num_warmup:]))


@settings(deadline=None)
@given(schedules, st.integers(2, 400))
def test_the_warm_up_meets_the_peak_without_a_jump(spec: ScheduleSpec, num_steps: int) -> None:
    num_warmup = num_of(spec.warmup, num_steps)
    if num_warmup < num_steps:
        assert learning_rate_scale(spec, num_warmup, num_steps) == 1.0
        before = learning_rate_scale(spec, num_warmup - 1, num_steps) if num_warmup else 0.0
        assert math.isclose(1.0 - before, 1.0 / (num_warmup + 1), rel_tol=1e-9)


@settings(deadline=None)
@given(schedules, lengths)
def test_a_decay_reaches_its_floor_one_step_behind_the_last(spec: ScheduleSpec, num_steps: int) -> None:
    num_warmup = num_of(spec.warmup, num_steps)
    num_decay = num_steps - num_warmup
    if spec.kind == "wsd":
        num_decay = min(num_decay, num_of(spec.decay, num_steps))
    last = learning_rate_scale(spec, num_steps - 1, num_steps)
    if num_decay == 0 or spec.kind == "constant":
        assert last == (1.0 if num_warmup < num_steps else num_steps / (num_steps + 1))
        return
    share = 1.0 / num_decay
    above = {"linear": share, "wsd": share, "cosine": (1 - math.cos(math.pi * share)) / 2}[spec.kind]
    assert math.isclose(last, spec.floor + (1 - spec.floor) * above, rel_tol=1e-6, abs_tol=1e-12)
    assert math.isclose(learning_rate_scale(spec, num_steps, num_steps), spec.floor, abs_tol=1e-12)


@settings(deadline=None)
@given(schedules, st.integers(2, 400))
def test_no_step_of_the_rate_is_larger_than_its_steepest_slope(spec: ScheduleSpec, num_steps: int) -> None:
    values, num_warmup = scales(spec, num_steps), num_of(spec.warmup, num_steps)
    num_decay = num_steps - num_warmup
    if spec.kind == "wsd":
        num_decay = min(num_decay, num_of(spec.decay, num_steps))
    # A cosine is at its steepest in the middle: π / 2 times the slope of the straight line.
    steepest = max(1 / (num_warmup + 1), math.pi / 2 / max(1, num_decay))
    assert all(abs(a - b) <= steepest + 1e-9 for a, b in pairwise(values))


@settings(deadline=None)
@given(shares, shares, shares, lengths)
def test_wsd_is_stable_until_its_share_of_decay_and_then_falls_in_a_straight_line(
    warmup: float, decay: float, floor: float, num_steps: int
) -> None:
    values = scales(ScheduleSpec(kind="wsd", warmup=warmup, decay=decay, floor=floor), num_steps)
    num_warmup = num_of(warmup, num_steps)
    start = max(num_warmup, num_steps - num_of(decay, num_steps))
    assert values[num_warmup:start] == [1.0] * (start - num_warmup)
    falls = [a - b for a, b in pairwise(values[start:])]
    assert all(math.isclose(fall, (1 - floor) / (num_steps - start), abs_tol=1e-9) for fall in falls)


def test_wsd_over_ten_steps() -> None:
    values = scales(ScheduleSpec(kind="wsd", warmup=0.2, decay=0.4, floor=0.2), 10)
    assert values == pytest.approx([1 / 3, 2 / 3, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4])


def test_a_share_that_is_whole_but_for_float_noise_is_not_rounded_up() -> None:
    assert 0.07 * 100 > 7
    assert learning_rate_scale(ScheduleSpec(warmup=0.07), 6, 100) == 7 / 8
    assert learning_rate_scale(ScheduleSpec(warmup=0.07), 7, 100) == 1.0


def test_cosine_is_halfway_in_the_middle() -> None:
    spec = ScheduleSpec(kind="cosine", warmup=0.0, floor=0.2)
    assert math.isclose(learning_rate_scale(spec, 50, 100), 0.6)
