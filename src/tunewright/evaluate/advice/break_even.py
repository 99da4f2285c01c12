"""After how many requests has training paid for itself? One division, and the three cases in which it has no answer.

With training cost T and costs t and o for a thousand requests with and without the tuned model, the number of requests
is 1000·T / (o − t). Says nothing about quality: a model that answers worse may break even as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tunewright.evaluate.advice.figures import money_text, number_text, roughly


@dataclass(frozen=True, slots=True)
class BreakEven:
    """`requests` is 0 where training cost nothing and None where the day never comes or cannot be told."""

    requests: int | None
    sentence: str


def requests_to_break_even(training: float | None, tuned: float | None, other: float | None) -> int | None:
    """Return the number of requests after which `training` dollars are earned back; None for never or not known.

    `tuned` and `other` are dollars for a thousand requests.
    """
    if training is None or tuned is None or other is None or not tuned < other:
        return None
    requests = 1000 * max(training, 0.0) / (other - tuned)
    # The last bits of a binary fraction must not make 8,000 requests 8,001.
    return math.ceil(requests * (1 - 1e-12)) if math.isfinite(requests) else None


def break_even(
    training_dollars: float | None,
    tuned_per_1000: float | None,
    other_per_1000: float | None,
    *,
    tuned_tokens: float | None = None,
    other_tokens: float | None = None,
) -> BreakEven:
    """Return the break-even of a tuned model against another way, in requests and in words.

    Args:
        training_dollars: paid once; None if it was not measured.
        tuned_per_1000: dollars for a thousand requests to the tuned model.
        other_per_1000: the same for the other way.
        tuned_tokens: mean prompt tokens of a request, to be told along.
        other_tokens: the same for the other way.
    """
    sentence = _in_words(training_dollars, tuned_per_1000, other_per_1000)
    if tuned_tokens is not None and other_tokens is not None:
        sentence += f" A request reads {number_text(tuned_tokens)} prompt tokens with the tuned model "
        sentence += f"and {number_text(other_tokens)} without."
    return BreakEven(requests_to_break_even(training_dollars, tuned_per_1000, other_per_1000), sentence)


def _in_words(training: float | None, tuned: float | None, other: float | None) -> str:
    if tuned is None or other is None:
        return "Whether training pays for itself cannot be told: a request was not priced on both sides."
    costs = f"A thousand requests cost {money_text(tuned)} with the tuned model and {money_text(other)} without"
    if not tuned < other:
        return f"{costs}: training never pays for itself by cheaper requests."
    if training is None:
        return f"{costs}; what training costs was not measured, so the break-even cannot be told."
    requests = requests_to_break_even(training, tuned, other)
    if requests is None:
        return f"{costs}: what training costs is not earned back in any number of requests worth naming."
    if requests == 0:
        return f"{costs}, and training cost nothing: the tuned model saves from the first request on."
    once = f"training costs {money_text(training)} once and is earned back after about {roughly(requests)}"
    return f"{costs}; {once} {'request' if requests == 1 else 'requests'}."
