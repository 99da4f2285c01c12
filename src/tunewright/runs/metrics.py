"""The numbers of every optimiser step: the lines of `metrics.jsonl`.

Rows are appended in order of their step; a resumed run first drops the rows after its checkpoint, so a step occurs
once. Does not know how a number was computed, nor how it is drawn.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from tunewright.runs.atomic import write_bytes
from tunewright.runs.fields import NamedScores, Number
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
    valid_scores: NamedScores = {}
    """What else that validation measured: `token_accuracy`, `perplexity`, and the mean of a grader that decides."""
    learning_rate: Number = None
    grad_norm: Number = None
    """Global gradient norm before clipping."""
    tokens: int = Field(0, ge=0)
    """Tokens of the rows so far, supervised and context, each row's own."""
    computed_tokens: int = Field(0, ge=0)
    """Tokens that were computed for them: a prefix that rows of a step share counts once."""
    seconds: FiniteFloat = 0.0
    """Since training began, interruptions not counted."""
    tokens_per_second: Number = None
    """Tokens of this step by the time it took, validation and saving not counted."""
    memory_bytes: int | None = None
    """Memory in use after the step: the accelerator's where there is one, else the process's resident set."""
    cpu_percent: Number = None
    """Processor time by wall-clock time since the step before; 100 is one busy core."""
    gpu_percent: Number = None
    """Share of time in which the accelerator was busy, where its driver tells."""


OF_THE_MACHINE = frozenset({"seconds", "tokens_per_second", "memory_bytes", "cpu_percent", "gpu_percent"})
"""Columns that tell of the machine and the hour; all others are equal to the bit when a run is resumed or repeated."""


def improves_downwards(metric: str) -> bool:
    """Return whether a validation's `metric` is better when lower; accuracies and graders are better when higher."""
    return metric in {"valid_loss", "perplexity"}


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
