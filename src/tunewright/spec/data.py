"""Which rows, how they are split, and how long they may be."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, field_validator, model_serializer

from tunewright.spec.node import Node

_WITH_WEIGHT = re.compile(r"(?P<path>.+):(?P<weight>\d+(?:\.\d+)?)")


TooLong = Literal["error", "drop", "truncate_left", "truncate_turns", "split_turns"]


class SourceSpec(Node):
    """One data file; `rows.jsonl:2` is short for a weight of 2."""

    path: str = Field(min_length=1)
    """File of rows (JSON Lines, JSON, CSV, TSV, Parquet, CoNLL; packed or not), or the id of a `datasets` data set."""
    weight: float = Field(default=1.0, gt=0, le=1000)
    """How often each row is seen per epoch: 2 = twice, 0.5 = a new half in every epoch."""
    format: str | None = None
    """Name of the format. Automatic: detected; where two are possible, it must be said."""
    columns: dict[str, str] = Field(default={})
    """Key of the format → column of the file, where they differ; columns that are not named go to `metadata`."""
    text_template: str | None = None
    """Makes one text of each record, `"User: {input}\\nAssistant: {output}"`; all of it is taught."""
    split: str | None = None
    """Part of the source: `train`, `train[:4096]`, `test[10%:]`; in a file, which has no parts by name, `[:4096]`."""
    subset: str | None = None
    """Configuration of a `datasets` data set that has several."""

    @model_serializer(mode="wrap")
    def _without_unused(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not said: a saved recipe names path and weight, and what was chosen beside them."""
        return {key: value for key, value in serialize(self).items() if value not in (None, {})}


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
    group_by: str | None = None
    """Field of a record, such as `metadata.user`, whose equal values stay on one side of the split."""
    stratify_by: str | None = None
    """Field of a record, such as `label`, whose values are held out in equal shares."""
    split_seed: int = Field(default=0, ge=0)
    """Seed of that split; independent of the training seed so that seeds can be compared on one split."""
    max_length: int | None = Field(default=None, ge=8)
    """Longest row in tokens. Automatic: the context length of the model."""
    too_long: TooLong = "error"
    """What to do with longer rows: refuse to start and name them, leave them out and name them, shorten the prompt
    (`truncate_left` token by token, `truncate_turns` by whole turns) or make rows of fewer turns (`split_turns`)."""
    unusable: Literal["error", "drop"] = "error"
    """What to do with rows that break a rule of their format: refuse to start, or leave them out and name them."""
