"""Steps hold every row once, in an order that stays a shuffle; forests teach every token once, whatever the budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data.encode import EncodedRow
from tunewright.data.pack import WINDOW_STEPS, Layout, make_forests, plan_steps
from tunewright.data.prefix_tree import MIN_SAVED, useful_tokens
from tunewright.data.rows import TextRow

LAYOUTS: tuple[Layout, ...] = get_args(Layout)


def make_row(ids: Sequence[int] | np.ndarray, weights: Sequence[float] | np.ndarray | None = None) -> EncodedRow:
    taught = np.ones(len(ids), np.float32) if weights is None else np.array(weights, np.float32)
    taught[0] = 0
    return EncodedRow(np.array(ids, np.int32), taught, TextRow("t", 1, ""))


@st.composite
def row_lists(draw: st.DrawFn, max_rows: int = 10) -> list[EncodedRow]:
    """Draw rows with one of three beginnings of 0 to 50 tokens, some taught nowhere or only inside the beginning."""
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    beginnings = [rng.integers(0, 99, draw(st.sampled_from([0, 5, 20, 33, 50]))) for _ in range(3)]
    rows = []
    for _ in range(draw(st.integers(1, max_rows))):
        ids = np.concatenate([beginnings[draw(st.integers(0, 2))], rng.integers(0, 99, draw(st.integers(1, 20)))])
        weights = rng.choice([0.5, 1.0], len(ids))
        weights[: draw(st.integers(0, len(ids)))] = 0
        weights[draw(st.integers(0, len(ids))) :] = 0
        rows.append(make_row(ids, weights))
    return rows


@given(row_lists(), st.integers(1, 4), st.integers(0, 9))
@settings(deadline=None)
def test_every_row_is_in_one_step_and_all_steps_but_the_last_are_full(
    rows: list[EncodedRow], batch_size: int, seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(len(rows))
    steps = plan_steps(rows, order, batch_size)
    assert sorted(index for step in steps for index in step) == list(range(len(rows)))
    assert all(len(step) == batch_size for step in steps[:-1])
    assert 1 <= len(steps[-1]) <= batch_size
    assert plan_steps(rows, order, batch_size) == steps


@given(row_lists(), st.integers(1, 4), st.lists(st.integers(0, 9), min_size=1, max_size=30))
@settings(deadline=None)
def test_rows_visited_twice_are_planned_twice(rows: list[EncodedRow], batch_size: int, visits: list[int]) -> None:
    order = [visit % len(rows) for visit in visits]
    steps = plan_steps(rows, order, batch_size)
    assert Counter(index for step in steps for index in step) == Counter(order)


def test_rows_that_have_nothing_in_common_keep_the_order_of_the_epoch() -> None:
    rows = [make_row(np.full(40, k)) for k in range(7)]
    assert plan_steps(rows, [3, 1, 0, 6, 2, 5, 4], 3) == [[3, 1, 0], [6, 2, 5], [4]]


def test_rows_that_begin_alike_come_where_the_first_of_them_stood() -> None:
    ids = [np.full(40, k) for k in range(4)]
    pair = [np.concatenate([np.full(50, 9), np.full(5, k)]) for k in range(2)]
    rows = [make_row(each) for each in [ids[0], pair[0], ids[1], ids[2], pair[1], ids[3]]]
    assert plan_steps(rows, [0, 1, 2, 3, 4, 5], 2) == [[0, 1], [4, 2], [3, 5]]
    assert plan_steps(rows, [4, 3, 2, 1, 5, 0], 2) == [[1, 4], [3, 2], [5, 0]]


def test_what_all_rows_of_a_window_share_brings_nobody_together() -> None:
    system = np.full(60, 9)
    rows = [make_row(np.concatenate([system, np.full(30, k)])) for k in range(6)]
    assert plan_steps(rows, [5, 0, 3, 1, 4, 2], 2) == [[5, 0], [3, 1], [4, 2]]


def test_behind_a_shared_system_prompt_those_with_more_in_common_come_together() -> None:
    system = np.full(60, 9)
    topics = [np.concatenate([system, np.full(40, 10 + k % 2), np.full(3, k)]) for k in range(4)]
    assert sorted(map(sorted, plan_steps([make_row(ids) for ids in topics], [0, 1, 2, 3], 2))) == [[0, 2], [1, 3]]


def test_no_row_leaves_its_window() -> None:
    batch_size = 2
    window = WINDOW_STEPS * batch_size
    # Pairs that begin alike stand one window apart, so they may not meet.
    rows = [make_row(np.full(40, k % window)) for k in range(2 * window)]
    steps = plan_steps(rows, range(2 * window), batch_size)
    flat = [index for step in steps for index in step]
    assert sorted(flat[:window]) == list(range(window))


@pytest.mark.parametrize("layout", LAYOUTS)
@given(rows=row_lists(), max_tokens=st.sampled_from([1, 30, 70, 200, 10_000]))
@settings(deadline=None)
def test_every_taught_token_is_in_one_forest_whatever_the_budget(
    layout: Layout, rows: list[EncodedRow], max_tokens: int
) -> None:
    found: Counter[tuple[int, int, int, float]] = Counter()
    for forest in make_forests(rows, max_tokens, layout):
        position_N = forest.positions[forest.targets.query_index] + 1
        columns = (forest.target_row, position_N, forest.targets.target_id, forest.targets.weight)
        found.update(zip(*(column.tolist() for column in columns), strict=True))
    expected = Counter(
        (index, place, int(each.ids[place]), float(each.weights[place]))
        for index, each in enumerate(rows)
        for place in np.flatnonzero(each.weights).tolist()
    )
    assert found == expected


@pytest.mark.parametrize("layout", LAYOUTS)
@given(rows=row_lists(), max_tokens=st.sampled_from([1, 30, 70, 200]))
@settings(deadline=None)
def test_a_forest_stays_within_the_budget_unless_one_row_does_not(
    layout: Layout, rows: list[EncodedRow], max_tokens: int
) -> None:
    for forest in make_forests(rows, max_tokens, layout):
        num_rows = len(np.unique(forest.target_row))
        cost = forest.num_tokens
        if layout == "padded":
            cost = num_rows * (int(forest.positions.max()) + 1)
        # What two rows share is computed twice where it is too short to be worth a branching point.
        slack = (MIN_SAVED - 1) * (num_rows - 1) if layout == "tree" else 0
        assert num_rows == 1 or cost <= max_tokens + slack


@given(row_lists())
@settings(deadline=None)
def test_rows_that_fit_are_computed_together(rows: list[EncodedRow]) -> None:
    is_taught = any(each.num_supervised for each in rows)
    for layout in LAYOUTS:
        assert len(make_forests(rows, 10_000, layout)) == int(is_taught)


def test_a_row_that_is_too_long_stands_alone() -> None:
    rows = [make_row(np.arange(length)) for length in (9, 100, 8)]
    for layout in LAYOUTS:
        sizes = [sorted(set(forest.target_row.tolist())) for forest in make_forests(rows, 20, layout)]
        assert [1] in sizes, layout


def test_padded_rows_come_longest_first() -> None:
    rows = [make_row(np.arange(length)) for length in (4, 8, 8, 2)]
    parts = [sorted(set(forest.target_row.tolist())) for forest in make_forests(rows, 16, "padded")]
    assert parts == [[1, 2], [0, 3]]


def test_a_row_taught_only_at_its_beginning_does_not_pay_for_its_neighbour() -> None:
    """The untaught end of a row that equals another's is not computed, so it spares nothing either."""
    ids = np.arange(200)
    short = make_row(ids, (np.arange(200) < 50).astype(np.float32))
    others = [make_row(np.concatenate([ids[:199], [500 + k], np.arange(k, 100 + k)])) for k in range(3)]
    rows = [short, make_row(ids), short, *others]
    for forest in make_forests(rows, 300, "tree"):
        assert forest.num_tokens <= 300 + MIN_SAVED or len(np.unique(forest.target_row)) == 1


def test_only_what_predicts_something_counts_in_a_tree() -> None:
    rows = [make_row(np.arange(k, k + 50), [1.0] * 10 + [0.0] * 40) for k in range(4)]
    assert [useful_tokens(each) for each in rows] == [9] * 4
    assert len(make_forests(rows, 36, "tree")) == 1
