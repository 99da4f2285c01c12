"""Small evaluations for the tests of advice: columns by their means, comparisons by their intervals.

The numbers are chosen, not computed: the rules read what an evaluation says and do no statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunewright.evaluate.advice.prices import Prices
from tunewright.runs.evaluation import (
    Column,
    ColumnKind,
    Comparison,
    Evaluation,
    Row,
    Score,
    Signal,
    Usage,
    Verdict,
)
from tunewright.runs.evaluation import TestSet as FrozenRows

GRADER = "contains"
PRICES = Prices.model_validate(
    {
        "machine": "desk",
        "machines": {"desk": {"dollars_per_hour": 0.36, "source": "bill", "as_of": "2026"}},
        "services": {
            "big-1": {"input_per_million": 2.0, "output_per_million": 8.0, "source": "contract", "as_of": "2026"}
        },
    }
)


def column(name: str, kind: ColumnKind, mean: float, usage: Usage | None = None, **more: Any) -> Column:
    score = Score(mean=mean, low=max(0, mean - 0.06), high=min(1, mean + 0.06), method="wilson", num_rows=190)
    return Column(**{"name": name, "kind": kind, "model": "starter", "usage": usage, "scores": {GRADER: score}, **more})


def usage(prompt: float, rows_per_s: float | None = 10.0) -> Usage:
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=9.5,
        latency_p50=prompt / 1000,
        latency_p95=prompt / 400,
        num_timed=20,
        rows_per_s=rows_per_s,
    )


def comparison(
    one: str, other: str, verdict: Verdict, interval: tuple[float, float], detectable: float | None = 0.04, **more: Any
) -> Comparison:
    low, high = interval
    return Comparison(
        **{
            "column": one,
            "against": other,
            "grader": GRADER,
            "difference": (low + high) / 2,
            "low": low,
            "high": high,
            "p_value": 0.0123,
            "p_holm": 0.0246,
            "test": "mcnemar",
            "num_rows": 190,
            "num_groups": 190,
            "detectable": detectable,
            "verdict": verdict,
            **more,
        }
    )


def evaluation(
    columns: Sequence[Column],
    comparisons: Sequence[Comparison] = (),
    *,
    num_rows: int = 190,
    num_contaminated: int = 0,
    signals: Sequence[Signal] = (),
    headline: str = GRADER,
) -> Evaluation:
    rows = [Row(where=f"test.jsonl:{n}", prompt=[], reference="x") for n in range(1, num_rows + 1)]
    test = FrozenRows(
        rows=rows,
        num_available=num_rows,
        seed=0,
        chosen=f"all {num_rows} rows",
        num_groups=num_rows,
        contaminated=[row.where for row in rows[:num_contaminated]],
    )
    return Evaluation(
        headline=headline, test=test, columns=list(columns), comparisons=list(comparisons), signals=list(signals)
    )


def base(mean: float = 0.1) -> Column:
    return column("base", "base", mean, usage(20.0, 40.0))


def shots(mean: float = 0.38) -> Column:
    return column("4 examples (bm25)", "few_shot", mean, usage(430.0, 10.0))


def passages(mean: float = 0.6) -> Column:
    return column("3 passages", "retrieval", mean, usage(320.0, 12.5))


def tuned(mean: float = 0.81, name: str = "tuned") -> Column:
    return column(name, "tuned", mean, usage(22.0, 40.0), training_seconds=600.0)


def tuned_with_passages(mean: float = 0.9) -> Column:
    return column("tuned + passages", "tuned_retrieval", mean, usage(330.0, 12.0), training_seconds=600.0)


def remote(mean: float = 0.85) -> Column:
    return column("big", "remote", mean, usage(50.0), model="big-1 at https://api.example.org/v1")


def forgetting(value: float | None = 0.12) -> Signal:
    return Signal(
        name="forgetting", value=value, low=0.08, high=0.16, num_rows=240, is_bad=True, rule="at most 0.05 may be lost"
    )
