"""Which rows, how they are split, and how long they may be."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from tunewright.spec.node import Node

_WITH_WEIGHT = re.compile(r"(?P<path>.+):(?P<weight>\d+(?:\.\d+)?)")


class SourceSpec(Node):
    """One data file; `rows.jsonl:2` is short for a weight of 2."""

    path: str = Field(min_length=1)
    """File of rows (.jsonl or .json)."""
    weight: float = Field(default=1.0, gt=0, le=1000)
    """How often each row is seen per epoch: 2 = twice, 0.5 = a new half in every epoch."""


def _source(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _WITH_WEIGHT.fullmatch(value)
    return {"path": match["path"], "weight": float(match["weight"])} if match else {"path": value}


def _sources(value: Any) -> Any:
    if isinstance(value, str | dict | SourceSpec):
        value = [value]
    return [_source(item) for item in value] if isinstance(value, list | tuple) else value


Sources = Annotated[
    tuple[SourceSpec, ...], BeforeValidator(_sources, json_schema_input_type=str | list[str | SourceSpec])
]


class DataSpec(Node):
    """The rows of a run: what is trained on, what is held out, and the length limit."""

    @field_validator("validation", "test")
    @classmethod
    def _refuse_weight(cls, sources: tuple[SourceSpec, ...]) -> tuple[SourceSpec, ...]:
        """A weight says how often a row is trained on; held-out rows are scored once each."""
        if any(source.weight != 1 for source in sources):
            raise ValueError("must not have a weight: only training files have one")
        return sources

    train: Sources = ()
    """Training files: a path, `path:weight`, or a list of them."""
    validation: Sources = ()
    """Validation files; without one, `validation_split` is taken from the training rows."""
    test: Sources = ()
    """Held-out files for the final scores; without one, the validation rows are scored."""
    validation_split: float = Field(default=0.1, ge=0, lt=1)
    """Share of the training rows that is held out when no validation file is given."""
    split_seed: int = Field(default=0, ge=0)
    """Seed of that split; independent of the training seed so that seeds can be compared on one split."""
    max_length: int | None = Field(default=None, ge=8)
    """Longest row in tokens. Automatic: the context length of the model."""
    too_long: Literal["error", "drop"] = "error"
    """What to do with longer rows: refuse to start and name them, or leave them out and name them."""
    unusable: Literal["error", "drop"] = "error"
    """What to do with rows that break a rule of their format: refuse to start, or leave them out and name them."""
