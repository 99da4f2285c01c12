"""The numbers of every optimiser step: the lines of `metrics.jsonl`.

Rows are appended in order of their step; a resumed run first drops the rows after its checkpoint, so a step occurs
once. Does not know how a number was computed, nor how it is drawn.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from tunewright.runs.atomic import write_bytes
from tunewright.runs.fields import Number
from tunewright.runs.lines import read_rows


class MetricsRow(BaseModel):
    """One optimiser step; None where nothing was measured or the number was not finite."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    step: int = Field(ge=0)
    """Optimiser steps taken, this one included."""
    train_loss: Number = None
    """Mean negative log-likelihood per supervised token of the batch, in nats."""
    train_token_accuracy: Number = None
    """Share of the batch's supervised tokens that the model would have chosen."""
    valid_loss: Number = None
    """The same loss on the validation rows, where this step validated."""
    learning_rate: Number = None
    grad_norm: Number = None
    """Global gradient norm before clipping."""
    tokens: int = Field(0, ge=0)
    """Tokens processed so far, supervised and context."""
    seconds: FiniteFloat = 0.0
    """Since training began, interruptions not counted."""


def metrics_line(row: MetricsRow) -> bytes:
    """Return the row as one line of JSON, without its line end."""
    return row.model_dump_json().encode("utf-8")


def read_metrics(path: Path) -> list[MetricsRow]:
    """Return every row; an unfinished last line is overlooked, a missing file has none.

    Raises:
        RunError: if any other line is damaged.
    """
    return read_rows(path, MetricsRow.model_validate_json)


def truncate_after(path: Path, step: int) -> None:
    """Drop the rows of steps after `step`, in one atomic replacement."""
    kept = [metrics_line(row) + b"\n" for row in read_metrics(path) if row.step <= step]
    write_bytes(path, b"".join(kept))
