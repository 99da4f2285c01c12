"""The learning rate rises once, falls as asked, and never leaves its bounds."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.spec.train import ScheduleSpec
from tunewright.train.schedule import learning_rate_scale

shares = st.floats(0, 1)
schedules = st.builds(ScheduleSpec, kind=st.sampled_from(["cosine", "linear", "constant"]), warmup=shares, floor=shares)
lengths = st.integers(1, 400)


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
    values, num_warmup = scales(spec, num_steps), math.ceil(spec.warmup * num_steps)
    assert all(a < b for a, b in pairwise(values[:num_warmup]))
    assert all(a >= b for a, b in pairwise(values[num_warmup:]))


@settings(deadline=None)
@given(schedules, st.integers(2, 400))
def test_the_warm_up_meets_the_peak_without_a_jump(spec: ScheduleSpec, num_steps: int) -> None:
    num_warmup = math.ceil(spec.warmup * num_steps)
    if num_warmup < num_steps:
        assert learning_rate_scale(spec, num_warmup, num_steps) == 1.0
        before = learning_rate_scale(spec, num_warmup - 1, num_steps) if num_warmup else 0.0
        assert math.isclose(1.0 - before, 1.0 / (num_warmup + 1), rel_tol=1e-9)


@settings(deadline=None)
@given(schedules, lengths)
def test_a_decay_ends_just_above_its_floor(spec: ScheduleSpec, num_steps: int) -> None:
    num_warmup = math.ceil(spec.warmup * num_steps)
    if num_warmup == num_steps:
        return
    last = learning_rate_scale(spec, num_steps - 1, num_steps)
    share = 1.0 / (num_steps - num_warmup)
    expected = {"constant": 1.0, "linear": share, "cosine": (1 - math.cos(math.pi * share)) / 2}[spec.kind]
    floor = spec.floor if spec.kind != "constant" else 0.0
    assert math.isclose(last, floor + (1 - floor) * expected, rel_tol=1e-6, abs_tol=1e-12)


def test_cosine_is_halfway_in_the_middle() -> None:
    spec = ScheduleSpec(kind="cosine", warmup=0.0, floor=0.2)
    assert math.isclose(learning_rate_scale(spec, 50, 100), 0.6)
