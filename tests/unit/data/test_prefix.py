"""Virtual tokens in front of rows: context for every taught token, never taught themselves."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tunewright.data.encode import EncodedRow
from tunewright.data.prefix import with_prefix
from tunewright.data.rows import TextRow

IDS = st.lists(st.integers(0, 200), max_size=6)


def row(ids: list[int]) -> EncodedRow:
    weights = np.linspace(0.0, 1.0, len(ids), dtype=np.float32)
    return EncodedRow(np.array(ids, dtype=np.int32), weights, TextRow(path="rows.jsonl", line=1, text="a"))


@given(st.lists(IDS.filter(bool), max_size=4), IDS)
def test_every_row_begins_with_the_prefix_and_teaches_what_it_taught(rows: list[list[int]], prefix: list[int]) -> None:
    before = [row(ids) for ids in rows]
    after = with_prefix(before, prefix)
    assert len(after) == len(before)
    for old, new in zip(before, after, strict=True):
        assert new.ids.tolist() == prefix + old.ids.tolist()
        assert new.weights.tolist() == [0.0] * len(prefix) + old.weights.tolist()
        assert (new.ids.dtype, new.weights.dtype) == (np.int32, np.float32)
        assert (new.source, new.num_supervised) == (old.source, old.num_supervised)


def test_the_rows_given_stay_as_they_are() -> None:
    old = row([1, 2, 3])
    with_prefix([old], [7, 8])
    assert old.ids.tolist() == [1, 2, 3]


def test_without_a_prefix_the_rows_are_the_same_objects() -> None:
    old = row([1, 2, 3])
    assert with_prefix([old], ())[0] is old
