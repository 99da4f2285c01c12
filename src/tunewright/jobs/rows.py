"""The rows of a recipe: read, checked, divided into training, validation and test.

Nothing is left out without being named: by default a row that cannot be used stops the job before it begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tunewright.data.formats.all import format_named
from tunewright.data.read import ReadResult, read_rows
from tunewright.data.rows import Row, RowFault, TextRow
from tunewright.data.split import split
from tunewright.errors import DataError, DataMissingError, Fault, NoRowsError
from tunewright.spec.data import DataSpec, SourceSpec

Role = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True)
class SourceRows:
    """The usable rows of one training file and its weight."""

    rows: tuple[Row | TextRow, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class RowSets:
    """All rows of a job. `test` repeats `validation` where no test file was given."""

    train: tuple[SourceRows, ...]
    validation: tuple[Row | TextRow, ...]
    test: tuple[Row | TextRow, ...]
    test_is_validation: bool
    files: tuple[tuple[Role, ReadResult], ...]
    left_out: tuple[RowFault, ...]


def load_rows(spec: DataSpec) -> RowSets:
    """Return the rows of every file of `spec`, divided.

    Raises:
        DataMissingError, DataError: if a file cannot be read or, unless `data.unusable` is `drop`, holds rows that
            cannot be used: all of them are named.
        NoRowsError: if no row is left to train on.
    """
    if not spec.train:
        raise DataMissingError("data.train: no training file is named", hint="--data rows.jsonl")
    training = _read("train", spec.train)
    files = [*training, *_read("validation", spec.validation), *_read("test", spec.test)]
    left_out = tuple(fault for _, result in files for fault in result.faults)
    if left_out and spec.unusable == "error":
        raise unusable_error(left_out)
    divided = [
        SourceRows(_taught_rows(result), source.weight)
        for source, (_, result) in zip(spec.train, training, strict=True)
    ]
    validation = tuple(row for role, result in files if role == "validation" for row in _taught_rows(result))
    if not any(source.rows for source in divided):
        raise NoRowsError(
            "no usable row is left to train on", hint="look at the rows that were left out", faults=_shown(left_out)
        )
    if not spec.validation and spec.validation_split > 0:
        divided, validation = _hold_out(divided, spec)
    test = tuple(row for role, result in files if role == "test" for row in _taught_rows(result))
    return RowSets(tuple(divided), validation, test or validation, not test, tuple(files), left_out)


def unusable_error(faults: Sequence[RowFault]) -> DataError:
    """Return the error that names every row that cannot be used."""
    places = list(dict.fromkeys(f"{fault.path}:{fault.line}" for fault in faults))
    rows = "1 row" if len(places) == 1 else f"{len(places):,} rows"
    return DataError(
        f"{rows} cannot be used, the first at {places[0]}",
        hint="mend them, or leave them out with --set data.unusable=drop",
        faults=_shown(faults),
    )


def _read(role: Role, sources: Sequence[SourceSpec]) -> list[tuple[Role, ReadResult]]:
    return [(role, read_rows(source)) for source in sources]


def _taught_rows(result: ReadResult) -> tuple[Row | TextRow, ...]:
    """Return the rows of a file; a language model learns from conversations and from texts.

    Raises:
        DataError: if the file's format is of another kind.
    """
    rows = tuple(row for row in result.rows if isinstance(row, Row | TextRow))
    if len(rows) < len(result.rows):
        file_format = format_named(result.format)
        keys = ", ".join(file_format.KEYS[:2])
        columns = f"say what is asked and answered: columns: {{prompt: …, completion: …}} (its keys are {keys})"
        is_mappable = file_format.KIND in ("label", "pair")
        raise DataError(
            f"{result.path} is in the format {result.format}, which causal_lm cannot learn from: "
            "it takes conversations and texts",
            hint=columns if is_mappable else f"rows of the kind {file_format.KIND} need an objective of their own",
        )
    return rows


def _hold_out(sources: Sequence[SourceRows], spec: DataSpec) -> tuple[list[SourceRows], tuple[Row | TextRow, ...]]:
    """Split all training rows as one set, so that duplicates across files stay on one side."""
    everything = [row for source in sources for row in source.rows]
    # Augmented rows carry the group of their parents, as the parents do: a family stays on one side.
    has_families = any("augmented" in row.meta for row in everything)
    train, validation = split(
        everything,
        spec.validation_split,
        spec.split_seed,
        group_by=spec.group_by or ("metadata.group" if has_families else None),
        stratify_by=spec.stratify_by,
    )
    kept = {id(row) for row in train}
    return [SourceRows(tuple(r for r in s.rows if id(r) in kept), s.weight) for s in sources], validation


def _shown(faults: Sequence[RowFault]) -> tuple[Fault, ...]:
    return tuple(fault.as_fault() for fault in faults)
