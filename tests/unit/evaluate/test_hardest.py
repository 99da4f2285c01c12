"""The hardest rows are those of the highest loss, with their place, their words and what contradicts them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.data.encode import EncodedRow
from tunewright.data.rows import Message, Row, TextRow
from tunewright.errors import RunError
from tunewright.evaluate.hardest import find_hardest, sample_token_rows
from tunewright.runs.hardest import Hardest, load_hardest, save_hardest


def make_row(line: int, question: str = "", answer: str = "a", num_supervised: int = 2) -> EncodedRow:
    weights = np.zeros(5, dtype=np.float32)
    weights[5 - num_supervised :] = 1
    turns = (Message("user", question or f"question {line}"), Message("assistant", answer))
    return EncodedRow(np.arange(5, dtype=np.int32), weights, Row("t.jsonl", line, turns))


def hardest(rows: Sequence[EncodedRow], *losses: float, num_kept: int = 12) -> Hardest:
    return find_hardest(rows, lambda _: np.array(losses, dtype=np.float64), num_kept=num_kept)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=30), st.integers(1, 12))
def test_the_rows_kept_are_the_worst_in_order(losses: list[float], num_kept: int) -> None:
    found = hardest([make_row(line) for line in range(len(losses))], *losses, num_kept=num_kept)
    assert [row.loss for row in found.rows] == sorted(losses, reverse=True)[:num_kept]
    assert all(losses[row.line] == row.loss for row in found.rows)
    assert found.num_rows == found.num_all == len(losses)
    assert found.median_loss == float(np.median(losses))


def test_equal_losses_keep_the_order_of_the_rows() -> None:
    assert [row.line for row in hardest([make_row(line) for line in range(5)], 1, 2, 1, 2, 1).rows] == [1, 3, 0, 2, 4]


def test_a_row_without_a_finite_loss_is_not_ranked() -> None:
    found = hardest([make_row(line) for line in range(4)], float("nan"), 1.0, float("inf"), 3.0)
    assert [row.line for row in found.rows] == [3, 1]
    assert (found.num_rows, found.num_all, found.median_loss) == (2, 4, 2.0)


def test_nothing_finite_is_nothing_to_show() -> None:
    found = hardest([make_row(1)], float("nan"))
    assert (found.rows, found.median_loss) == ([], None)


def test_a_row_that_became_several_is_shown_once_at_its_worst() -> None:
    found = hardest([make_row(1, answer="x"), make_row(2), make_row(1, answer="y")], 1.0, 2.0, 3.0)
    assert [(row.line, row.loss, row.answer) for row in found.rows] == [(1, 3.0, "y"), (2, 2.0, "a")]


def test_another_answer_to_the_same_prompt_is_named_and_the_same_answer_is_not() -> None:
    rows = [
        make_row(1, "open?", "at nine"),
        make_row(2, "open?", "at  nine\n"),
        make_row(3, "open?", "never"),
        make_row(4, "closed?", "never"),
    ]
    by_line = {row.line: row.contradictions for row in hardest(rows, 1, 2, 3, 4).rows}
    assert by_line == {1: ["t.jsonl:3"], 2: ["t.jsonl:3"], 3: ["t.jsonl:1", "t.jsonl:2"], 4: []}


def test_plain_texts_ask_nothing_and_contradict_nothing() -> None:
    texts = [EncodedRow(np.zeros(3, np.int32), np.ones(3, np.float32), TextRow("t", n, f"text {n}")) for n in (1, 2)]
    found = hardest(texts, 1, 2)
    assert [(row.prompt, row.answer, row.contradictions) for row in found.rows] == [
        ("", "text 2", []),
        ("", "text 1", []),
    ]


def test_long_words_are_shortened_where_they_tell_least() -> None:
    row = hardest([make_row(1, "start" + "x" * 900 + "asked?", "begins" + "y" * 900 + "ends")], 1.0).rows[0]
    assert row.prompt.endswith("asked?")
    assert row.prompt.startswith("…")
    assert row.answer.startswith("begins")
    assert row.answer.endswith("…")
    assert max(len(row.prompt), len(row.answer)) <= 400


@given(st.integers(0, 40), st.integers(1, 40), st.integers(0, 5))
def test_a_sample_is_seeded_and_in_order(num_rows: int, max_rows: int, seed: int) -> None:
    rows = [make_row(line) for line in range(num_rows)]
    sample = sample_token_rows(rows, max_rows, seed)
    lines = [row.source.line for row in sample]
    assert lines == sorted(set(lines))
    assert len(lines) == min(num_rows, max_rows)
    assert [row.source.line for row in sample_token_rows(rows, max_rows, seed)] == lines


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    found = hardest([make_row(1, "é\ud800"), make_row(2)], 1.0, 2.0)
    save_hardest(tmp_path / "h.json", found)
    assert load_hardest(tmp_path / "h.json") == found
    assert load_hardest(tmp_path / "none.json") is None


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "h.json").write_text("{", encoding="utf-8")
    with pytest.raises(RunError, match=r"h\.json: cannot be read"):
        load_hardest(tmp_path / "h.json")
