"""A path names one number of an evaluation, whatever the names of its columns hold."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.evaluate.advice.building import (
    PRICES,
    base,
    column,
    comparison,
    evaluation,
    forgetting,
    shots,
    tuned,
)
from tunewright.errors import RunError
from tunewright.evaluate.advice.costs import priced
from tunewright.evaluate.advice.facts import Facts, path_of, value_at

MADE = priced(
    evaluation(
        [base(), shots(), tuned()],
        [
            comparison("tuned", "base", "better", (0.6, 0.8)),
            comparison("tuned", "4 examples (bm25)", "better", (0, 1), 0.1),
        ],
        num_contaminated=2,
        signals=[forgetting()],
    ),
    PRICES,
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("columns.tuned.scores.contains.mean", 0.81),
        ("columns.4 examples (bm25).usage.prompt_tokens", 430.0),
        ("columns.count", 3.0),
        ("comparisons.tuned.base.contains.low", 0.6),
        ("comparisons.tuned.4 examples (bm25).contains.detectable", 0.1),
        ("signals.forgetting.value", 0.12),
        ("signals.forgetting.is_bad", 1.0),
        ("test.rows.count", 190.0),
        ("test.contaminated.count", 2.0),
        ("columns.base.training_seconds", None),
        ("derived.break_even.tuned.4 examples (bm25)", 8000.0),
        ("derived.break_even.tuned.base", None),
        ("derived.first_thousand.base", 0.0025),
        ("derived.first_thousand.tuned", 0.0625),
        ("derived.rows_needed.tuned.4 examples (bm25).contains", 760.0),
        ("derived.rows_needed.tuned.base.contains", None),
        ("given.smallest_that_matters", 0.05),
    ],
)
def test_path_leads_to_its_number(path: str, expected: float | None) -> None:
    assert value_at(MADE, path, {"smallest_that_matters": 0.05}) == pytest.approx(expected)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "nothing",
        "columns",
        "columns.none.loss",
        "columns.tuned",
        "columns.tuned.name",
        "columns.tuned.scores.bleu.mean",
        "columns.base.usage.prompt_tokens.more",
        "comparisons.base.tuned.contains.low",
        "derived",
        "derived.luck.tuned",
        "derived.break_even.tuned",
        "derived.first_thousand.none",
        "derived.rows_needed.tuned.base.contains.more",
        "given.budget_dollars",
    ],
)
def test_path_to_nowhere_is_named(path: str) -> None:
    with pytest.raises(RunError, match=r"no number stands at|no column is called"):
        value_at(MADE, path, {"smallest_that_matters": 0.05})


@given(st.text(min_size=0, max_size=12), st.text(max_size=8))
def test_any_name_can_be_part_of_a_path(name: str, grader: str) -> None:
    odd = column(name, "base", 0.5, scores={grader: base().scores["contains"]})
    made = evaluation([odd], [comparison(name, "tuned", "better", (0.25, 0.75), grader=grader)])
    assert value_at(made, path_of("columns", name, "scores", grader, "mean")) == 0.1
    assert value_at(made, path_of("comparisons", name, "tuned", grader, "low")) == 0.25


def test_number_that_is_not_finite_is_none() -> None:
    made = evaluation([column("x", "base", 0.5)], [comparison("x", "y", "better", (-math.inf, 1))])
    assert value_at(made, "comparisons.x.y.contains.low") is None


def test_trained_column_of_unknown_training_cost_has_no_first_cost() -> None:
    made = priced(evaluation([tuned().model_copy(update={"training_seconds": None})]), PRICES)
    assert value_at(made, "derived.first_thousand.tuned") is None


def test_sentence_rests_on_what_it_took_and_not_on_what_it_peeked_at() -> None:
    facts = Facts(MADE, {})
    facts.peek("columns", "base", "scores", "contains", "mean")
    text = facts.score("contains", "columns", "tuned", "scores", "contains", "mean")
    facts.rest_on("columns", "base", "training_seconds")
    assert facts.sentence(text).because == {
        "columns.tuned.scores.contains.mean": 0.81,
        "columns.base.training_seconds": None,
    }
