"""What does a thousand requests cost, and what did training cost? Tokens or measured machine-seconds, times a price.

A service is paid by the token, the machine at hand by the hour. What was not measured or is not priced stays None, with
the reason in words. Does not know whether the answers are any good.
"""

from __future__ import annotations

import math
from typing import TypeGuard

from tunewright.evaluate.advice.figures import money_text, number_text
from tunewright.evaluate.advice.prices import Prices
from tunewright.runs.evaluation import Column, Evaluation, Usage

Cost = tuple[float | None, str]
"""Dollars, or None where they are not known; and how they came about, or why they did not."""


def request_cost(usage: Usage | None, column: Column, prices: Prices) -> Cost:
    """Return the dollars for a thousand requests to `column`, and how they are reckoned.

    A remote model: (prompt tokens · input price + completion tokens · output price) / 1000, prices for a million
    tokens. Any other: the seconds of a thousand requests (in batches where that was measured, else one at a time by
    the median latency) times the price of the machine.
    """
    if usage is None:
        return None, "what a request takes was not measured"
    return _by_tokens(usage, column, prices) if column.kind == "remote" else _by_seconds(usage, prices)


def training_cost(seconds: float | None, prices: Prices) -> Cost:
    """Return the dollars of so many seconds of training on the machine in use, and how they are reckoned."""
    if not _is_amount(seconds):
        return None, "the time of training was not measured"
    return _machine_dollars(seconds, prices), f"{number_text(seconds)} s {_machine_text(prices)}"


def priced(evaluation: Evaluation, prices: Prices) -> Evaluation:
    """Return the evaluation with the costs of all columns filled in; a cost that is there already stays."""
    return evaluation.model_copy(update={"columns": [_priced(column, prices) for column in evaluation.columns]})


def _priced(column: Column, prices: Prices) -> Column:
    changes: dict[str, object] = {}
    if column.training_dollars is None:
        changes["training_dollars"] = training_cost(column.training_seconds, prices)[0]
    if column.usage is not None and column.usage.dollars_per_1000 is None:
        dollars, how = request_cost(column.usage, column, prices)
        changes["usage"] = column.usage.model_copy(update={"dollars_per_1000": dollars, "price": how})
    return column.model_copy(update=changes)


def _by_tokens(usage: Usage, column: Column, prices: Prices) -> Cost:
    name = column.model.rpartition(" at ")[0] or column.model
    price = prices.services.get(name)
    if price is None:
        return None, f"the price table has no service {name!r}: add it under services"
    if not (_is_amount(usage.prompt_tokens) and _is_amount(usage.completion_tokens)):
        return None, "the tokens of a request were not counted"
    dollars = (usage.prompt_tokens * price.input_per_million + usage.completion_tokens * price.output_per_million) / 1e3
    if not math.isfinite(dollars):
        return None, "the tokens of a request are beyond any price"
    rates = f"{money_text(price.input_per_million)} in and {money_text(price.output_per_million)} out"
    return dollars, f"{name}: {rates} for a million tokens ({price.source}, {price.as_of})"


def _by_seconds(usage: Usage, prices: Prices) -> Cost:
    if _is_amount(usage.rows_per_s) and usage.rows_per_s > 0:
        seconds, how = 1000 / usage.rows_per_s, "in batches"
    elif _is_amount(usage.latency_p50):
        seconds, how = 1000 * usage.latency_p50, "one at a time"
    else:
        return None, "neither throughput nor latency was measured"
    dollars = _machine_dollars(seconds, prices)
    if not math.isfinite(dollars):
        return None, "the measured time is beyond any price"
    return dollars, f"{number_text(seconds)} s for 1,000 requests, {how}, {_machine_text(prices)}"


def _machine_dollars(seconds: float, prices: Prices) -> float:
    return seconds / 3600 * prices.here.dollars_per_hour


def _machine_text(prices: Prices) -> str:
    here = prices.here
    return f"on {prices.machine} at {money_text(here.dollars_per_hour)} an hour ({here.source}, {here.as_of})"


def _is_amount(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value) and value >= 0
