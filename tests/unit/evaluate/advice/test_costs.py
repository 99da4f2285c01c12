"""Dollars follow from tokens or measured seconds; what is not known stays unknown, with a reason."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.evaluate.advice.building import PRICES, base, column, evaluation, remote, shots, tuned, usage
from tunewright.evaluate.advice.break_even import break_even, requests_to_break_even
from tunewright.evaluate.advice.costs import priced, request_cost, training_cost
from tunewright.evaluate.advice.figures import money_text, number_text, points_text, roughly
from tunewright.runs.evaluation import Usage

AMOUNTS = st.floats(0, 1e6)


# ── requests and training ────────────────────────────────────────────────────────────────────────────────────────────


def test_service_is_paid_by_the_token() -> None:
    dollars, how = request_cost(usage(50.0), remote(), PRICES)
    assert dollars == pytest.approx(1000 * (50 * 2 / 1e6 + 9.5 * 8 / 1e6))
    assert how == "big-1: $2.00 in and $8.00 out for a million tokens (contract, 2026)"


def test_service_is_found_by_its_name_without_the_address() -> None:
    plain = remote().model_copy(update={"model": "big-1"})
    assert request_cost(usage(50.0), plain, PRICES) == request_cost(usage(50.0), remote(), PRICES)


def test_service_without_a_price_costs_an_unknown_sum() -> None:
    other = remote().model_copy(update={"model": "other at http://localhost"})
    dollars, how = request_cost(usage(50.0), other, PRICES)
    assert dollars is None
    assert "no service 'other'" in how


def test_own_machine_is_paid_by_measured_seconds() -> None:
    # 1000 rows at 10 a second: 100 s of a machine at $0.36 an hour, $0.0001 a second.
    dollars, how = request_cost(usage(430.0, 10.0), shots(), PRICES)
    assert dollars == pytest.approx(0.01)
    assert how == "100 s for 1,000 requests, in batches, on desk at $0.36 an hour (bill, 2026)"


def test_latency_stands_in_where_batches_were_not_timed() -> None:
    dollars, how = request_cost(usage(430.0, None), shots(), PRICES)
    assert dollars == pytest.approx(0.043)
    assert "one at a time" in how


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        (None, "what a request takes was not measured"),
        (Usage(prompt_tokens=1, completion_tokens=1), "neither throughput nor latency was measured"),
        (Usage(prompt_tokens=1, completion_tokens=1, rows_per_s=0.0), "neither throughput nor latency was measured"),
        (Usage(prompt_tokens=1, completion_tokens=1, rows_per_s=1e-310), "the measured time is beyond any price"),
    ],
)
def test_what_was_not_measured_has_no_price(measured: Usage | None, reason: str) -> None:
    assert request_cost(measured, base(), PRICES) == (None, reason)


@pytest.mark.parametrize("tokens", [math.nan, math.inf, -1.0])
def test_tokens_that_are_no_count_have_no_price(tokens: float) -> None:
    counted = Usage(prompt_tokens=tokens, completion_tokens=1)
    assert request_cost(counted, remote(), PRICES) == (None, "the tokens of a request were not counted")


def test_tokens_beyond_all_measure_have_no_price() -> None:
    counted = Usage(prompt_tokens=1e308, completion_tokens=1)
    assert request_cost(counted, remote(), PRICES) == (None, "the tokens of a request are beyond any price")


def test_training_costs_its_seconds() -> None:
    dollars, how = training_cost(600.0, PRICES)
    assert dollars == pytest.approx(0.06)
    assert how == "600 s on desk at $0.36 an hour (bill, 2026)"
    assert training_cost(None, PRICES) == (None, "the time of training was not measured")


def test_pricing_fills_in_what_is_missing_and_keeps_what_is_there() -> None:
    known = usage(20.0).model_copy(update={"dollars_per_1000": 7.0, "price": "invoice"})
    made = evaluation([tuned(), column("base", "base", 0.1, known), column("bare", "base", 0.1)])
    once = priced(made, PRICES)
    first, second, third = once.columns
    assert first.training_dollars == pytest.approx(0.06)
    assert first.usage is not None
    assert first.usage.dollars_per_1000 == pytest.approx(0.0025)
    assert second.usage == known
    assert (third.usage, third.training_dollars) == (None, None)
    assert priced(once, PRICES) == once


# ── break-even ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_break_even_is_where_both_ways_have_cost_the_same() -> None:
    found = break_even(2.4, 0.05, 0.31)
    assert found.requests == math.ceil(1000 * 2.4 / 0.26)
    assert found.sentence == (
        "A thousand requests cost $0.05 with the tuned model and $0.31 without; "
        "training costs $2.40 once and is earned back after about 9,200 requests."
    )


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_break_even_is_the_first_request_that_is_not_dearer(training: float, one: float, other: float) -> None:
    requests = requests_to_break_even(training, one, other)
    if requests is None:
        assert one >= other or 1000 * training / (other - one) == math.inf
    else:
        assert training + requests * one / 1000 <= requests * other / 1000 + 1e-9 * (1 + requests * other)
        if requests > 1:
            before = requests - 1
            assert training + before * one / 1000 >= before * other / 1000 - 1e-9 * (1 + before * other)


def test_a_dearer_or_equal_tuned_model_never_breaks_even() -> None:
    for found in (break_even(1.0, 0.3, 0.3), break_even(0.0, 0.4, 0.3)):
        assert found.requests is None
        assert "never pays for itself" in found.sentence


def test_free_training_breaks_even_at_once() -> None:
    found = break_even(0.0, 0.1, 0.3)
    assert found.requests == 0
    assert "from the first request on" in found.sentence


@pytest.mark.parametrize(
    ("amounts", "said"),
    [
        ((None, 0.1, 0.3), "what training costs was not measured"),
        ((1.0, None, 0.3), "cannot be told"),
        ((1.0, 0.1, None), "cannot be told"),
        ((1e308, 0.1, 0.3), "in any number of requests worth naming"),
    ],
)
def test_break_even_that_cannot_be_told_says_why(amounts: tuple[float | None, ...], said: str) -> None:
    found = break_even(*amounts)
    assert found.requests is None
    assert said in found.sentence


def test_break_even_tells_tokens_along() -> None:
    found = break_even(2.4, 0.05, 0.31, tuned_tokens=32.0, other_tokens=440.5)
    assert found.sentence.endswith("A request reads 32 prompt tokens with the tuned model and 440 without.")


# ── how numbers are written ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (money_text(0), "$0"),
        (money_text(0.00031), "$0.00031"),
        (money_text(2.4), "$2.40"),
        (money_text(1234.6), "$1,235"),
        (number_text(9.5), "9.5"),
        (number_text(1234567), "1,234,567"),
        (number_text(0.02200), "0.022"),
        (number_text(1.2e-8), "1.20e-08"),
        (number_text(100), "100"),
        (roughly(9230.8), "9,200"),
        (roughly(0), "0"),
        (roughly(1e30), "1.0e+30"),
        (points_text(-0.43), "43"),
        (points_text(0.0003), "0.03"),
    ],
)
def test_numbers_are_written_for_people(written: str, expected: str) -> None:
    assert written == expected


@given(st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: x != 0))
def test_nothing_is_rounded_to_nought(value: float) -> None:
    for text in (money_text(value), number_text(value), points_text(value)):
        assert any(digit in text.partition("e")[0] for digit in "123456789") or "inf" in text
