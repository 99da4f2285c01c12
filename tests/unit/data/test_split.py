"""Which rows are held out, and what an epoch visits."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.data.conversations import row
from tunewright.data.rows import Message, Row
from tunewright.data.split import epoch_rows, split
from tunewright.errors import NoRowsError

row_lists = st.lists(st.integers(0, 30), min_size=1, max_size=40).map(
    lambda answers: [row(answer=str(answer), line=line) for line, answer in enumerate(answers, start=1)]
)
shares = st.floats(0, 0.999)
seeds = st.integers(0, 2**64)


@given(row_lists, shares, seeds)
def test_the_parts_are_disjoint_exhaustive_and_in_order(rows: list[Row], share: float, seed: int) -> None:
    train, validation = split(rows, share, seed)
    lines = [[each.line for each in part] for part in (train, validation)]
    assert lines == [sorted(part) for part in lines]
    assert sorted(lines[0] + lines[1]) == [each.line for each in rows]
    assert not {each.reference for each in train} & {each.reference for each in validation}


@given(row_lists, shares, seeds)
def test_neither_part_is_empty_where_two_rows_differ(rows: list[Row], share: float, seed: int) -> None:
    train, validation = split(rows, share, seed)
    assert train
    assert bool(validation) == (share > 0 and len({each.reference for each in rows}) > 1)


# Of 20 rows with half of them held out, the promise of one row on each side is needed once in 500,000 seeds.
@given(st.integers(20, 40), row_lists, seeds)
def test_rows_added_later_move_no_other(num_rows: int, more: list[Row], seed: int) -> None:
    rows = [row(answer=str(answer), line=answer) for answer in range(num_rows)]
    before, after = split(rows, 0.5, seed), split(rows + more, 0.5, seed)
    for old, new in zip(before, after, strict=True):
        assert {id(each) for each in old} <= {id(each) for each in new}


def test_the_share_is_kept_and_the_seed_matters() -> None:
    rows = [row(answer=str(number), line=number) for number in range(4000)]
    held_out = [{each.line for each in split(rows, 0.1, seed)[1]} for seed in (0, 1)]
    assert all(340 < len(each) < 460 for each in held_out)
    assert held_out[0] != held_out[1]


def test_weight_and_metadata_do_not_choose_the_side() -> None:
    rows = [row(answer=str(number)) for number in range(50)]
    twins = [Row("b", 1, (each.messages[0], Message("assistant", each.reference, 0.5)), {"x": 1}) for each in rows]
    train, validation = split(rows + twins, 0.3, 0)
    assert not {each.reference for each in train} & {each.reference for each in validation}


def test_no_row_at_all_is_an_error() -> None:
    with pytest.raises(NoRowsError, match="no row is left"):
        split([], 0.1, 0)


def test_the_split_of_a_seed_never_changes() -> None:
    rows = [row(answer=str(number), line=number) for number in range(20)]
    assert [each.line for each in split(rows, 0.3, 0)[1]] == [0, 1, 8]


files = st.lists(st.tuples(st.integers(1, 20), st.floats(0.01, 4)), min_size=1, max_size=4)


@given(files, st.integers(0, 2**32 - 1), st.integers(0, 100))
def test_an_epoch_visits_each_file_by_its_weight(files: list[tuple[int, float]], seed: int, epoch: int) -> None:
    counts, weights = [count for count, _ in files], [weight for _, weight in files]
    visited = Counter(epoch_rows(counts, weights, seed, epoch).tolist())
    first = 0
    for count, weight in files:
        own = [visited.pop(index, 0) for index in range(first, first + count)]
        assert sum(own) == max(1, round(weight * count))
        assert max(own) - min(own) <= 1
        first += count
    assert not visited


def test_order_follows_from_seed_and_epoch_alone() -> None:
    orders = {(seed, epoch): epoch_rows([30, 30], [1.0, 0.5], seed, epoch) for seed in (0, 1) for epoch in (0, 1)}
    assert len({tuple(order) for order in orders.values()}) == 4
    np.testing.assert_array_equal(orders[0, 1], epoch_rows([30, 30], [1.0, 0.5], 0, 1))
    halves = [set(order[order >= 30].tolist()) for order in orders.values()]
    assert len({frozenset(half) for half in halves}) == 4
