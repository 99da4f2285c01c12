"""A repaired copy of a file: what can be mended without guessing is mended, the rest is taken out, all of it is listed.

A mend only ever undoes a slip of form (a role's name, a misspelt key, a weight where none belongs); what is said is
never changed, so a row whose text is at fault is taken out whole. The copy is always JSON Lines unless its name says
otherwise. Deliberately does not know the command line, nor why a row is worth keeping.
"""

from __future__ import annotations

import codecs
import copy
import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import orjson

from tunewright.data.checking.check import CheckOptions, OnProgress, look_closely
from tunewright.data.checking.fingerprints import SeenHashes, fingerprint
from tunewright.data.checking.oddities import TextSearch
from tunewright.data.checking.plain import PlainRows
from tunewright.data.containers.record import Record
from tunewright.data.containers.write import RecordWriter, refuse_same_file
from tunewright.data.formats.messages import ROLES
from tunewright.data.read import Entry, OpenSource
from tunewright.data.rows import Finding, RowFault, shown
from tunewright.data.rules import RULES
from tunewright.errors import NoRowsError

Action = Literal["repaired", "removed"]

_ROLE_OF = {
    "human": "user",
    "customer": "user",
    "bot": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "ai": "assistant",
}
_MESSAGE_KEYS = ("role", "content", "weight", "name", "tool_calls", "tool_call_id", "function_call", "refusal")
# What exporters write beside a message and nobody would teach.
_HARMLESS_KEYS = {"id", "index", "timestamp", "created", "created_at", "updated_at", "date", "time", "message_id"}
_WEIGHTS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "true": 1, "false": 0}
_CUTOFF = 0.75
_SUFFIXES = (".jsonl", ".json", ".ndjson", ".csv", ".tsv", ".parquet", ".conll", ".txt", ".gz", ".zst")
_HEAD_BYTES = 1 << 16
_MESSAGE_LISTS = (
    "messages",
    "input.messages",
    "prompt",
    "completion",
    "chosen",
    "rejected",
    "preferred_output",
    "non_preferred_output",
)
_PROGRESS_ROWS = 1 << 14


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that the copy has otherwise than its file. Line 0 means the whole file.

    `row` is the record as it was, for the first change of each record that could be read, so that nothing is lost; as
    text where no object holds all of it.
    """

    path: str
    line: int
    action: Action
    kind: str
    field: str
    what: str
    before: str = ""
    after: str = ""
    row: Mapping[str, Any] | str | None = None

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        place += f": {self.field}" if self.field else ""
        values = f": {self.before} → {self.after}" if self.after else f": {self.before}" * bool(self.before)
        return f"{place}: {self.action}: {self.what}{values}"

    def as_dict(self) -> dict[str, Any]:
        """Return the change for machines."""
        fields = {each: getattr(self, each) for each in self.__slots__ if each != "row"}
        return fields if self.row is None else {**fields, "row": self.row}


@dataclass
class RepairReport:
    """What became of one file. `totals` counts changes by action and kind; `shown` holds the first of each."""

    path: str
    format: str
    output: Path
    changes_path: Path
    num_rows: int = 0
    num_written: int = 0
    totals: Counter[tuple[Action, str]] = field(default_factory=Counter)
    shown: list[Change] = field(default_factory=list)

    def num(self, action: Action) -> int:
        """Return how many changes there were of this action."""
        return sum(number for (each, _), number in self.totals.items() if each == action)


def output_path(path: str) -> Path:
    """Return where the repaired copy goes by default: `data/train.jsonl.gz` → `data/train.fixed.jsonl`."""
    file = Path(path)
    stem = file.name
    while Path(stem).suffix.lower() in _SUFFIXES and Path(stem).stem:
        stem = Path(stem).stem
    # What is no file is a data set of somebody, whose name is no folder here.
    return (file.parent if file.suffix else Path()) / f"{stem}.fixed.jsonl"


def changes_path(output: Path) -> Path:
    """Return where the list of changes goes: `train.fixed.jsonl` → `train.fixed.changes.jsonl`."""
    return output.with_name(f"{output.name.removesuffix(output.suffix)}.changes.jsonl")


def repair(
    source: OpenSource,
    output: Path,
    *,
    overwrite: bool = False,
    seen: SeenHashes | None = None,
    options: CheckOptions | None = None,
    on_progress: OnProgress | None = None,
) -> RepairReport:
    """Write a copy of `source` in which no row has a fault, and beside it the list of what was changed.

    Args:
        source: what is repaired; it is only read.
        output: the copy, written whole or not at all.
        overwrite: whether the copy and its list may replace files.
        seen: fingerprints of rows that are written already, so that a row of another file is not repeated; added to.
        options: of the check: the special tokens, and how many changes of one kind the report holds; the list holds
            them all.
        on_progress: as in `check`.

    Raises:
        RecipeError: the copy or its list is the file itself.
        StorageError: a file exists and may not be replaced, or the storage refuses.
        NoRowsError: no row is left; nothing is written then.
        DataError: the source cannot be read any further.
    """
    options = options or CheckOptions()
    report = RepairReport(source.path, source.format.NAME, output, changes_path(output))
    work = _Repair(source, TextSearch(options.special_tokens), seen if seen is not None else SeenHashes())
    for target in (output, report.changes_path):
        refuse_same_file(target, source.path)
    num_bytes = 0
    with (
        RecordWriter(report.changes_path, overwrite=overwrite) as changes,
        RecordWriter(output, overwrite=overwrite) as rows,
    ):

        def note(change: Change) -> None:
            key = (change.action, change.kind)
            report.totals[key] += 1
            changes.write(_writable(change.as_dict()))
            if report.totals[key] <= options.max_shown:
                report.shown.append(change)

        for change in _file_changes(source, output):
            note(change)
        for item in source.records():
            report.num_rows += 1
            record, found = work.mend(item)
            for change in found:
                note(change)
            if record is not None:
                rows.write(record.value, record.raw.rstrip())
                report.num_written += 1
            if isinstance(item, Record):
                num_bytes += len(item.raw)
            if on_progress and not report.num_rows % _PROGRESS_ROWS:
                on_progress(source.path, report.num_rows, num_bytes)
        if not report.num_written:
            raise _nothing_left(source, report)
    return report


class _Repair:
    def __init__(self, source: OpenSource, search: TextSearch, seen: SeenHashes) -> None:
        self.source = source
        self.search = search
        self.seen = seen
        self.plain = PlainRows(source.format, search)

    def mend(self, item: Record | RowFault) -> tuple[Record | None, list[Change]]:
        """Return the record as it is written, None where it is taken out, and what was changed."""
        known = self.plain.fingerprint(item) if isinstance(item, Record) else None
        if known and isinstance(item, Record):
            return self._unless_seen(item, known[0], [])
        entry = look_closely(self.source, item, self.search)
        changes: list[Change] = []
        grave = _grave(entry)
        if grave and isinstance(item, Record):
            item, changes = self._mended(item, grave)
            entry = look_closely(self.source, item, self.search)
            grave = _grave(entry)
        if grave or entry.row is None or not isinstance(item, Record):
            return None, [self._removal(entry.line, fault, _row_of(item)) for fault in grave[:1]]
        if not entry.faults:
            self.plain.learn(entry)
        return self._unless_seen(item, fingerprint(entry.row)[0], changes)

    def _unless_seen(self, record: Record, said: int, changes: list[Change]) -> tuple[Record | None, list[Change]]:
        if self.seen.add(said):
            rule = "says exactly what an earlier row says"
            fault = RowFault(self.source.path, record.line, "", rule, "", "", "duplicate_row")
            return None, [self._removal(record.line, fault, record.value)]
        return record, changes

    def _removal(self, line: int, fault: RowFault, row: Mapping[str, Any] | None) -> Change:
        path = self.source.path
        return Change(path, line, "removed", fault.kind, fault.field, fault.rule, fault.value, row=row)

    def _mended(self, record: Record, faults: Sequence[RowFault]) -> tuple[Record, list[Change]]:
        """Return the record with its slips of form undone; the very same where it has none that can be."""
        try:
            value = copy.deepcopy(record.value)
            mends = [mend for find in _MENDS for mend in find(value, self.source.format.KEYS)]
            # Two keys of one name: the value holds the last of them, and written again it holds only that.
            twice = [(fault.kind, fault.field, "kept the last of equal keys", fault.value, "") for fault in faults]
            mends += [mend for mend in twice if mend[0] == "duplicate_key"]
            raw = orjson.dumps(value) if mends else b""
        except (RecursionError, TypeError):  # nested more deeply than JSON is written
            return record, []
        if not mends:
            return record, []
        place = (self.source.path, record.line, "repaired")
        changes = [Change(*place, *mend) for mend in mends]
        # What was dropped may be long; the first change holds the record as it was. One with equal keys is kept as
        # text: the values that stood behind the first of them are in no object any more.
        is_in_text_only = any(twice_fault[0] == "duplicate_key" for twice_fault in twice) and record.raw
        changes[0] = replace(changes[0], row=record.raw.decode().strip() if is_in_text_only else record.value)
        return Record(record.line, value, raw), changes


def _nothing_left(source: OpenSource, report: RepairReport) -> NoRowsError:
    if not report.num_rows:
        return NoRowsError(f"{source.path} holds no row that could be repaired", hint="write a row on each line")
    removed = [str(change) for change in report.shown if change.action == "removed"]
    hint = source.way_out or f"all that is wrong with it: tunewright data check {source.path}"
    return NoRowsError(f"{source.path}: no row is left after repairing ({'; '.join(removed[:3])})", hint=hint)


def _grave(entry: Entry) -> list[RowFault]:
    return [fault for fault in entry.faults if RULES[fault.kind].severity == "error"]


def _row_of(item: Record | RowFault) -> Mapping[str, Any] | None:
    return item.value if isinstance(item, Record) else None


def _writable(change: dict[str, Any]) -> dict[str, Any]:
    try:
        orjson.dumps(change)
    except TypeError:  # nested more deeply than JSON is written: the line number must do
        return {**change, "row": None}
    return change


def _file_changes(source: OpenSource, output: Path) -> Iterator[Change]:
    """Yield what writing the file anew changes in it by itself."""
    head = b""
    if Path(source.path).is_file():
        with Path(source.path).open("rb") as file:
            head = file.read(_HEAD_BYTES)
    if head.startswith(codecs.BOM_UTF8):
        yield Change(source.path, 0, "repaired", "byte_order_mark", "", "took the byte order mark off")
    if b"\r\n" in head:
        yield Change(source.path, 0, "repaired", "line_ends", "", "made line ends plain", "CR LF", "LF")
    if output.suffix == ".jsonl" and source.layout != "JSON Lines":
        yield Change(source.path, 0, "repaired", "layout", "", "changed the layout", source.layout, "JSON Lines")


# ── mends: each changes a record in place and yields kind, field, what, before and after ─────────────────────────────


def _misspelt_keys(record: dict[str, Any], keys: Sequence[str]) -> Iterator[Finding]:
    yield from _renamed(record, keys, "")


def _unknown_keys(record: dict[str, Any], keys: Sequence[str]) -> Iterator[Finding]:
    unknown = [key for key in record if key not in keys]
    meta = record.get("metadata")
    if not unknown or "metadata" not in keys or not isinstance(meta, dict | None) or set(unknown) & set(meta or ()):
        return
    for key in unknown:
        yield "unknown_key", key, "moved to metadata", shown(record[key]), f"metadata.{key}"
    record["metadata"] = {**(meta or {}), **{key: record.pop(key) for key in unknown}}


def _message_slips(record: dict[str, Any], _: Sequence[str]) -> Iterator[Finding]:
    for name, messages in _message_lists(record):
        for index, message in enumerate(messages):
            if isinstance(message, dict):
                place = f"{name}[{index}]"
                yield from _renamed(message, _MESSAGE_KEYS, f"{place}.")
                yield from _role_slip(message, place)
                yield from _weight_slip(message, place)
                yield from _harmless_keys(message, place)


def _trailing_messages(record: dict[str, Any], _: Sequence[str]) -> Iterator[Finding]:
    messages = record.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return
    last = max((index for index, each in enumerate(messages) if each.get("role") == "assistant"), default=-1)
    if last >= 0 and last + 1 < len(messages):
        dropped = ", ".join(str(message.get("role")) for message in messages[last + 1 :])
        what = "dropped the messages after the last answer"
        yield "last_not_assistant", f"messages[{last + 1}]", what, f"{dropped}: {shown(messages[last + 1 :])}", ""
        del messages[last + 1 :]


_MENDS: tuple[Callable[[dict[str, Any], Sequence[str]], Iterator[Finding]], ...] = (
    _misspelt_keys,
    _unknown_keys,
    _message_slips,
    _trailing_messages,
)


def _message_lists(record: dict[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    for key in _MESSAGE_LISTS:
        holder, _, leaf = key.rpartition(".")
        at = record.get(holder) if holder else record
        if isinstance(at, dict) and isinstance(at.get(leaf), list):
            yield key, at[leaf]


def _renamed(at: dict[str, Any], keys: Sequence[str], prefix: str) -> Iterator[Finding]:
    for key in [key for key in at if key not in keys]:
        free = [known for known in keys if known not in at]
        close = difflib.get_close_matches(key.strip().lower(), free, n=1, cutoff=_CUTOFF)
        if close:
            yield "unknown_key", prefix + key, "renamed the key", key, close[0]
            # The order of keys stays: the value takes the place that it had.
            items = [(close[0] if each == key else each, value) for each, value in at.items()]
            at.clear()
            at.update(items)


def _role_slip(message: dict[str, Any], place: str) -> Iterator[Finding]:
    role = message.get("role")
    if not isinstance(role, str) or role in ROLES:
        return
    said = role.strip().lower()
    close = difflib.get_close_matches(said, ROLES, n=1, cutoff=_CUTOFF)
    meant = _ROLE_OF.get(said) or (close[0] if close else None)
    if meant:
        yield "bad_role", f"{place}.role", "renamed the role", shown(role), shown(meant)
        message["role"] = meant


def _weight_slip(message: dict[str, Any], place: str) -> Iterator[Finding]:
    weight = message.get("weight")
    if weight is None:
        return
    if message.get("role") != "assistant":
        yield "bad_weight", f"{place}.weight", "took the weight out", shown(weight), ""
        del message["weight"]
    elif isinstance(weight, bool | str) and (meant := _WEIGHTS.get(str(weight).strip().lower())) is not None:
        yield "bad_weight", f"{place}.weight", "wrote the weight as a number", shown(weight), str(meant)
        message["weight"] = meant


def _harmless_keys(message: dict[str, Any], place: str) -> Iterator[Finding]:
    for key in [key for key in message if key in _HARMLESS_KEYS]:
        yield "unknown_key", f"{place}.{key}", "took the key out of the message", shown(message.pop(key)), ""
