"""How much better a model does on the rows that it was trained on, and which test rows stand among those.

The two oldest signs of overfitting, from numbers and rows that others have. The losses must be of one kind: mean nats
per taught token, of the same weights. Deliberately does not know how a loss is taken nor how near duplicates are found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tunewright.data.duplicates.clusters import DEFAULT_THRESHOLD
from tunewright.data.duplicates.compared import By, compared
from tunewright.data.duplicates.leakage import Leak, find_leakage
from tunewright.data.rows import AnyRow
from tunewright.runs.evaluation import Signal

GAP_LIMIT = 0.5
"""Nats per token: a held-out token is then e^0.5 = 1.65 times as surprising as one that was trained on."""


def gap(
    train_loss: float | None,
    valid_loss: float | None,
    num_rows: int,
    *,
    limit: float = GAP_LIMIT,
    held_out: str = "validation",
) -> Signal:
    """Return validation loss − training loss as the signal `gap`, in nats per token.

    Args:
        train_loss, valid_loss: of the same weights; None or not finite: not measured.
        num_rows: validation rows behind `valid_loss`.
        limit: a larger gap is bad.
        held_out: what `valid_loss` is of, where that is another set.
    """
    if train_loss is None or valid_loss is None or not math.isfinite(train_loss) or not math.isfinite(valid_loss):
        missing = "training" if train_loss is None or not math.isfinite(train_loss) else held_out
        return Signal(
            name="gap", value=None, num_rows=0, is_bad=False, rule=f"not measured: there is no {missing} loss"
        )
    value = valid_loss - train_loss
    rule = (
        f"{held_out} loss {valid_loss:.3f} − training loss {train_loss:.3f}; "
        f"bad above {limit:g} nats per token, where held-out tokens are {math.exp(limit):.2f} times as surprising"
    )
    return Signal(name="gap", value=value, num_rows=num_rows, is_bad=value > limit, rule=rule)


def contamination(
    test_rows: Sequence[AnyRow],
    train_rows: Sequence[AnyRow],
    *,
    by: By = "prompt",
    threshold: float | None = DEFAULT_THRESHOLD,
) -> Signal:
    """Return the share of test rows that (nearly) repeat a training row as the signal `contamination`.

    A count of the frozen set, not an estimate: it has no interval. `examples` names every such row; `contaminated`
    gives their places alone.

    Args:
        by: compare what is asked (another answer to a known question leaks too), or whole rows.
        threshold: Jaccard similarity from which a row leaks; None: only equal ones, which needs no optional package.

    Raises:
        MissingExtraError: near duplicates are wanted and rensa is not installed.
        DataError: the threshold is out of range.
    """
    return contaminations(test_rows, train_rows, by=by, threshold=threshold)[0]


def contaminations(
    test_rows: Sequence[AnyRow],
    train_rows: Sequence[AnyRow],
    *,
    by: By = "prompt",
    threshold: float | None = DEFAULT_THRESHOLD,
) -> tuple[Signal, list[str]]:
    """Return what `contamination` and `contaminated` do, from one search: of a million rows each takes minutes.

    Raises:
        MissingExtraError, DataError: as `contamination`.
    """
    same = "equals" if threshold is None else f"is at least {threshold:g} similar (Jaccard) to"
    what = "the question" if by == "prompt" else "the text"
    rule = f"share of test rows of which {what} {same} that of a training row; bad above 0"
    if not test_rows or not train_rows:
        missing = "test" if not test_rows else "training"
        rule = f"not measured: there are no {missing} rows"
        return Signal(name="contamination", value=None, num_rows=0, is_bad=False, rule=rule), []
    leaks = _leaks(test_rows, train_rows, by, threshold)
    signal = Signal(
        name="contamination",
        value=len(leaks) / len(test_rows),
        num_rows=len(test_rows),
        is_bad=bool(leaks),
        rule=rule,
        examples=[_said(leak, test_rows, train_rows) for leak in leaks],
    )
    return signal, [test_rows[leak.test_row].where for leak in leaks]


def contaminated(
    test_rows: Sequence[AnyRow],
    train_rows: Sequence[AnyRow],
    *,
    by: By = "prompt",
    threshold: float | None = DEFAULT_THRESHOLD,
) -> list[str]:
    """Return the places (`file:line`) of the test rows that `contamination` counts.

    Raises:
        MissingExtraError, DataError: as `contamination`.
    """
    return contaminations(test_rows, train_rows, by=by, threshold=threshold)[1]


def _leaks(
    test_rows: Sequence[AnyRow], train_rows: Sequence[AnyRow], by: By, threshold: float | None
) -> tuple[Leak, ...]:
    return find_leakage((compared(row, by) for row in train_rows), (compared(row, by) for row in test_rows), threshold)


def _said(leak: Leak, test_rows: Sequence[AnyRow], train_rows: Sequence[AnyRow]) -> str:
    how = "equal" if leak.is_exact else f"{leak.similarity:.2f} similar"
    return f"{test_rows[leak.test_row].where} is {how} to {train_rows[leak.train_row].where}"
