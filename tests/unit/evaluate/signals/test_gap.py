"""The gap is told in the losses' own unit, and test rows that were trained on are named, not only counted."""

from __future__ import annotations

import math

import pytest

from tunewright.data.rows import Message, Row
from tunewright.evaluate.signals.gap import GAP_LIMIT, contaminated, contamination, gap


def ask(line: int, question: str, answer: str = "yes", path: str = "t.jsonl") -> Row:
    return Row(path, line, (Message("user", question), Message("assistant", answer)))


def test_the_gap_is_validation_minus_training_and_bad_only_beyond_its_limit() -> None:
    fine, bad = gap(1.0, 1.0 + GAP_LIMIT, 40), gap(1.0, 1.01 + GAP_LIMIT, 40)
    assert (fine.value, fine.num_rows, fine.is_bad) == (pytest.approx(0.5), 40, False)
    assert bad.is_bad
    assert "validation loss 1.510" in bad.rule


def test_a_model_that_does_better_on_held_out_rows_has_a_negative_gap_that_is_not_bad() -> None:
    signal = gap(2.0, 1.5, 10)
    assert (signal.value, signal.is_bad) == (-0.5, False)


@pytest.mark.parametrize(
    ("train", "valid", "missing"),
    [(None, 1.0, "training"), (math.nan, 1.0, "training"), (1.0, None, "validation"), (1.0, math.inf, "validation")],
)
def test_a_loss_that_is_missing_or_not_finite_is_no_gap_and_says_which(
    train: float | None, valid: float | None, missing: str
) -> None:
    signal = gap(train, valid, 40)
    assert (signal.value, signal.is_bad) == (None, False)
    assert f"no {missing} loss" in signal.rule


def test_a_test_row_that_asks_a_known_question_is_named_with_the_training_row() -> None:
    train = [ask(1, "Where is the blue key of the old mill?", path="train.jsonl"), ask(2, "Who sings?")]
    test = [ask(1, "What is three times nine?"), ask(2, "Where is the blue key of the old mill?", "in the well")]
    signal = contamination(test, train, threshold=None)
    assert (signal.value, signal.num_rows, signal.is_bad) == (0.5, 2, True)
    assert signal.examples == ["t.jsonl:2 is equal to train.jsonl:1"]
    assert contaminated(test, train, threshold=None) == ["t.jsonl:2"]


def test_compared_as_whole_rows_another_answer_to_a_known_question_is_no_repetition() -> None:
    train, test = [ask(1, "Where is the key?", "here")], [ask(1, "Where is the key?", "in the well")]
    assert contamination(test, train, by="row", threshold=None).value == 0


def test_a_near_duplicate_leaks_with_its_similarity() -> None:
    pytest.importorskip("rensa")
    words = "the keeper of the old mill by the river hid a blue key under the third stone of the northern wall"
    train, test = [ask(1, f"{words} last night", path="train.jsonl")], [ask(1, f"{words} last week")]
    signal = contamination(test, train)
    assert signal.value == 1
    assert signal.examples[0].startswith("t.jsonl:1 is 0.")
    assert contamination(test, train, threshold=None).value == 0


@pytest.mark.parametrize(("test", "train", "missing"), [([], [ask(1, "a")], "test"), ([ask(1, "a")], [], "training")])
def test_without_rows_on_both_sides_nothing_is_measured(test: list[Row], train: list[Row], missing: str) -> None:
    signal = contamination(test, train)
    assert signal.value is None
    assert f"no {missing} rows" in signal.rule
