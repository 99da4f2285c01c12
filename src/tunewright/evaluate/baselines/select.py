"""Which of several baselines represents its kind on the test set: the best on validation rows, and only on those.

The test set scores each chosen column once; a choice made on it would flatter whoever has the most candidates. Does not
know how a candidate is scored, nor on which rows: it is given a function that does both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tunewright.errors import Interrupted, TunewrightError
from tunewright.evaluate.baselines.asked import Baseline
from tunewright.runs.evaluation import Candidate


@dataclass(frozen=True, slots=True)
class Tried:
    """What a candidate scored on validation rows: higher is better; `prompt_tokens` is the mean of its prompts."""

    score: float
    num_rows: int
    prompt_tokens: float


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a candidate has no score; one short sentence."""

    reason: str


def select(
    candidates: Sequence[Baseline], score: Callable[[Baseline], Tried | Failed], *, column: str = ""
) -> tuple[Baseline | None, list[Candidate]]:
    """Return the best candidate, and what each of them scored; None if none has a score.

    Between equal scores the one with the shorter prompts wins, between equal prompts the one that was named first: the
    same scores give the same choice. A candidate that fails, or whose score is not a number, is recorded with the
    reason and not chosen.

    Args:
        candidates: what is tried, in order.
        score: scores one of them on validation rows.
        column: the column that they compete for; empty: each stands for its own.
    """
    tried = [_tried(candidate, score) for candidate in candidates]
    ranked = [(-t.score, t.prompt_tokens, i) for i, t in enumerate(tried) if isinstance(t, Tried)]
    best = min(ranked)[2] if ranked else None
    records = [
        _record(candidate, result, column, is_chosen=index == best)
        for index, (candidate, result) in enumerate(zip(candidates, tried, strict=True))
    ]
    return (None if best is None else candidates[best]), records


def _tried(candidate: Baseline, score: Callable[[Baseline], Tried | Failed]) -> Tried | Failed:
    try:
        result = score(candidate)
    except Interrupted:
        raise
    except TunewrightError as error:
        return Failed(error.message)
    if isinstance(result, Tried) and not math.isfinite(result.score):
        return Failed(f"its score is not a number, got {result.score}")
    return result


def _record(candidate: Baseline, result: Tried | Failed, column: str, *, is_chosen: bool) -> Candidate:
    name = column or candidate.name
    if isinstance(result, Failed):
        return Candidate(
            column=name, settings=candidate.settings, score=None, num_rows=0, is_chosen=False, failure=result.reason
        )
    return Candidate(
        column=name,
        settings=candidate.settings,
        score=result.score,
        num_rows=result.num_rows,
        is_chosen=is_chosen,
    )
