"""What `tunewright data split` does with a file, and what it says about it.

The file is read twice: first for the hashes that decide, then record by record into the parts. In between only columns
of numbers are held, and never the rows.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.table import Table
from rich.text import Text

from tunewright.cli.data.stages import watched
from tunewright.cli.screen import clean, make_console, shortened
from tunewright.data.containers.record import Record
from tunewright.data.containers.write import RecordWriter, refuse_same_file
from tunewright.data.read import OpenSource
from tunewright.data.rows import AnyRow, RowFault
from tunewright.data.split import PART_NAMES, TEST, TRAIN, VALIDATION, Division, HeldOut, RowKeys, divide
from tunewright.errors import DataError, StorageError
from tunewright.runs.atomic import storage_guard, write_json
from tunewright.runs.manifest import file_sha256

_DEFAULT_GROUP = "metadata.group"
_INDEX = "split.json"
_PREFIX_ENDS = ("-", "_", ".")
_LAYOUTS = (".json", ".csv", ".tsv", ".parquet")
_PACKINGS = (".gz", ".zst")
_NUM_FAULTS_NAMED = 20
_NUM_STRATA_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Wish:
    """The options of the command. `group_by` is None where nothing was said, empty where no field is to group."""

    output: str
    validation: HeldOut
    test: HeldOut
    group_by: tuple[str, ...] | None
    stratify_by: str | None
    group_near_duplicates: bool
    seed: int
    overwrite: bool
    as_json: bool


def run(source: OpenSource, wish: Wish) -> None:
    """Divide the file and print what each part holds.

    Raises:
        RecipeError: a part would replace the file that is read.
        DataError: a row cannot be used, no row has a field that is asked for, or the file changes meanwhile.
        StorageError: a part exists, or cannot be written.
    """
    files = _files(source, wish)
    index = _place(wish.output, _INDEX)
    former = _former_files(index) if wish.overwrite else set()
    for path in (*files.values(), index):
        refuse_same_file(path, source.path)
        if path.exists() and not wish.overwrite:
            raise StorageError(f"{path} already exists", hint="name another folder with --output, or use --overwrite")
    keys = _keys(source, wish)
    clusters = _clusters(source) if wish.group_near_duplicates else None
    division = divide(keys, wish.validation, wish.test, seed=wish.seed, clusters=clusters)
    is_new = not index.parent.exists()
    with storage_guard(index.parent):
        index.parent.mkdir(parents=True, exist_ok=True)
    try:
        _write(source, division, files, overwrite=wish.overwrite)
    except BaseException:
        with suppress(OSError):
            if is_new:
                index.parent.rmdir()
        raise
    # A part of a former split beside the new ones would share rows with them.
    for name in former - {path.name for path in files.values()}:
        with storage_guard(index.with_name(name)):
            index.with_name(name).unlink(missing_ok=True)
    facts = _facts(source, wish, keys, division, files)
    write_json(index, facts)
    if wish.as_json:
        print(json.dumps(facts, indent=2))
    else:
        _print(facts, wish, index)


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _keys(source: OpenSource, wish: Wish) -> RowKeys:
    group_by = (_DEFAULT_GROUP,) if wish.group_by is None else wish.group_by
    keys = RowKeys(group_by=group_by, stratify_by=wish.stratify_by)
    for row in _rows(source, "reading"):
        keys.add(row)
    keys.refuse_unknown([*(wish.group_by or ()), *([wish.stratify_by] if wish.stratify_by else [])])
    if keys.has_children:
        keys.name_parents(record.value for record in _records(source, "looking for parents"))
    return keys


def _clusters(source: OpenSource) -> np.ndarray:
    from tunewright.data.duplicates.clusters import cluster_ids

    return cluster_ids(row.said for row in _rows(source, "looking for near duplicates"))


def _rows(source: OpenSource, what: str) -> Iterator[AnyRow]:
    faults: list[RowFault] = []
    num_unusable = 0
    for entry in watched(source, what):
        if entry.row is None:
            num_unusable += 1
            faults += entry.faults[: max(0, _NUM_FAULTS_NAMED - len(faults))]
        elif not num_unusable:
            yield entry.row
    if num_unusable:
        rows = "1 row" if num_unusable == 1 else f"{num_unusable:,} rows"
        raise DataError(
            f"{source.path}: {rows} cannot be used, the first at line {faults[0].line}: nothing was written",
            hint=f"tunewright data check {source.path} --fix lists them and writes a copy without",
            faults=tuple(fault.as_fault() for fault in faults),
        )


def _records(source: OpenSource, what: str) -> Iterator[Record]:
    for record in watched(source.records(), what):
        if isinstance(record, RowFault):
            raise _changed(source)
        yield record


def _changed(source: OpenSource) -> DataError:
    return DataError(f"{source.path} changed while it was read: nothing was written", hint="run the command again")


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _files(source: OpenSource, wish: Wish) -> dict[int, Path]:
    """Return the file of each part, in the layout of the source where its records are written as they were read."""
    suffixes = [suffix.lower() for suffix in Path(source.path).suffixes]
    packing = suffixes.pop() if suffixes and suffixes[-1] in _PACKINGS else ""
    # Records whose columns are mapped are no longer the table's; a slice of a data set has no file to be like.
    is_kept = suffixes and suffixes[-1] in _LAYOUTS and not source.spec.columns and not source.spec.text_template
    suffix = (suffixes[-1] if is_kept else ".jsonl") + packing
    asked = {TRAIN: True, VALIDATION: bool(wish.validation), TEST: bool(wish.test)}
    return {number: _place(wish.output, PART_NAMES[number] + suffix) for number in asked if asked[number]}


def _former_files(index: Path) -> set[str]:
    """Return the names of the parts that a former split left beside its index; none where that cannot be read."""
    try:
        files = [Path(part["file"]).name for part in json.loads(index.read_bytes())["parts"].values()]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return set()
    # Only what such a command itself could have written is ever removed.
    prefix = index.name.removesuffix(_INDEX)
    return {name for name in files if name.startswith(tuple(f"{prefix}{part}." for part in PART_NAMES))}


def _place(output: str, name: str) -> Path:
    return Path(output + name) if output.endswith(_PREFIX_ENDS) and output not in (".", "..") else Path(output) / name


def _write(source: OpenSource, division: Division, files: dict[int, Path], *, overwrite: bool) -> None:
    with ExitStack() as stack:
        writers = {n: stack.enter_context(RecordWriter(path, overwrite=overwrite)) for n, path in files.items()}
        parts = iter(division.parts)
        num_written = 0
        for record in _records(source, "writing"):
            part = next(parts, None)
            if part is None:
                raise _changed(source)
            writers[int(part)].write(record.value, record.raw)
            num_written += 1
        if num_written != len(division.parts):
            raise _changed(source)


# ── facts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _facts(source: OpenSource, wish: Wish, keys: RowKeys, division: Division, files: dict[int, Path]) -> dict[str, Any]:
    num_rows = np.bincount(division.parts, minlength=3).tolist()
    total = max(1, len(division.parts))
    group_by = (_DEFAULT_GROUP,) if wish.group_by is None else wish.group_by
    return {
        "source": source.path,
        "seed": wish.seed,
        "validation": wish.validation.count or wish.validation.share,
        "test": wish.test.count or wish.test.share,
        "group_by": list(group_by),
        "stratify_by": wish.stratify_by,
        "group_near_duplicates": wish.group_near_duplicates,
        "num_rows": len(division.parts),
        "num_placed": division.num_placed,
        "parts": {
            PART_NAMES[number]: {
                "file": str(path),
                "num_rows": num_rows[number],
                "num_groups": division.num_groups[number],
                "share": num_rows[number] / total,
                "sha256": file_sha256(path),
            }
            for number, path in files.items()
        },
        "strata": _strata(keys, division, files) if wish.stratify_by else {},
    }


def _strata(keys: RowKeys, division: Division, files: dict[int, Path]) -> dict[str, dict[str, int]]:
    """Return the rows of each stratum in each part, the largest stratum first."""
    names, code = np.unique(keys.strata(), return_inverse=True)
    table = np.bincount(code * 3 + division.parts, minlength=3 * len(names)).reshape(-1, 3)
    rows = {keys.strata_names[int(name)]: counts for name, counts in zip(names, table.tolist(), strict=True)}
    largest = sorted(rows, key=lambda name: (-sum(rows[name]), name))
    return {name: {PART_NAMES[number]: rows[name][number] for number in files} for name in largest}


# ── printing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _print(facts: dict[str, Any], wish: Wish, index: Path) -> None:
    console = make_console()
    parts: dict[str, dict[str, Any]] = facts["parts"]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("")
    for name in parts:
        table.add_column(name, justify="right")
    table.add_row("rows", *(f"{part['num_rows']:,}" for part in parts.values()))
    table.add_row("groups", *(f"{part['num_groups']:,}" for part in parts.values()))
    table.add_row("share", *(f"{part['share']:.1%}" for part in parts.values()))
    strata: dict[str, dict[str, int]] = facts["strata"]
    for name, counts in list(strata.items())[:_NUM_STRATA_SHOWN]:
        total = sum(counts.values())
        cells = (f"{count:,} · {count / total:.0%}" for count in counts.values())
        table.add_row(Text(shortened(name, 30) or "(empty)"), *cells)
    console.print(table)
    if len(strata) > _NUM_STRATA_SHOWN:
        console.print(f"and {len(strata) - _NUM_STRATA_SHOWN:,} more values of {clean(wish.stratify_by or '')}")
    for note in _notes(facts, wish):
        console.print(clean(note))
    for part in parts.values():
        console.print(clean(part["file"]), soft_wrap=True)
    console.print(clean(str(index)), soft_wrap=True)


def _notes(facts: dict[str, Any], wish: Wish) -> Iterator[str]:
    """Yield what the figures alone do not say."""
    for name, asked in (("validation", wish.validation), ("test", wish.test)):
        if asked.count and facts["parts"][name]["num_rows"] != asked.count:
            got = facts["parts"][name]["num_rows"]
            yield f"{name} has {got:,} rows, not {asked.count:,}: groups stay whole"
    without = Counter(name for counts in facts["strata"].values() for name, count in counts.items() if not count)
    for name, count in without.items():
        values = "1 value" if count == 1 else f"{count:,} values"
        yield f"{values} of {wish.stratify_by} without a row in {name}: shares are only expected, --{name} 200 is exact"
    if facts["num_placed"]:
        groups = "1 group was" if facts["num_placed"] == 1 else f"{facts['num_placed']:,} groups were"
        yield f"{groups} placed so that no part stays empty; rows added later may move what was placed"
