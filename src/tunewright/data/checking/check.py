"""Every fault of every record of some training files, in one pass, with what OpenAI's service would say about each.

The pass is a stream. A record that is plainly in order (`plain.py`) costs two microseconds and eight bytes; any other
is read by its format and looked at closely. Faults are counted exactly and shown up to a cap for each kind.
Deliberately does not know tokenizers or models: what needs one arrives in the options as plain callables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from tunewright.data.checking.fingerprints import Fingerprints, Keep, Pairs, Place, fingerprint
from tunewright.data.checking.oddities import TextSearch, row_findings
from tunewright.data.checking.plain import PlainRows
from tunewright.data.containers.record import Record
from tunewright.data.read import Entry, OpenSource
from tunewright.data.rows import AnyRow, Kind, RowFault, placed
from tunewright.data.rules import RULES, Severity, openai_words
from tunewright.errors import Fault, MissingExtraError

MIN_ROWS = 10

METHODS: dict[str, tuple[Kind, ...]] = {
    "supervised": ("conversation",),
    "dpo": ("preference",),
    "orpo": ("preference",),
    "kto": ("feedback",),
    "reward": ("preference",),
    "reinforcement": ("conversation",),
    "pretraining": ("text",),
    "classification": ("label",),
    "tagging": ("token_labels",),
    "embedding": ("pair",),
}
"""What `--method` may say → the kinds of rows that it learns from."""

_BATCH_ROWS = 256
_PROGRESS_ROWS = 1 << 14


class TokenLength(NamedTuple):
    """How long a row is in tokens, and how many tokens of its answers would be lost by cutting it at the context.

    `problem` says why a template cannot render the row; the numbers are 0 then.
    """

    num_tokens: int
    num_answer_tokens_lost: int
    problem: str = ""


class NearDuplicate(NamedTuple):
    """A row that nearly says what an earlier one says; `similarity` is the Jaccard index of their shingles, 0…1."""

    later: Place
    first: Place
    similarity: float


TokenLengths = Callable[[Sequence[AnyRow]], Sequence[TokenLength]]
NearDuplicates = Callable[[Sequence[OpenSource]], Iterable[NearDuplicate]]
OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What is looked for beyond what every file must keep.

    Attributes:
        method: a key of `METHODS`; the rows must be of a kind that it learns from. Empty: any.
        max_shown: how many findings of one kind are kept; totals are exact however many there are.
        max_prompts: contradictions are looked for in so many rows at most (eight more bytes a row).
        special_tokens: of the tokenizer, beside those of OpenAI's vocabularies.
        context_length: of the model, in tokens; what `token_lengths` cuts at.
        token_lengths: receives up to 256 rows, in order, and returns a length for each of them.
        near_duplicates: receives the sources after the pass, iterates them itself, and yields what it finds.
    """

    method: str = ""
    max_shown: int = 20
    max_prompts: int = 1_000_000
    special_tokens: frozenset[str] = frozenset()
    context_length: int = 0
    token_lengths: TokenLengths | None = None
    near_duplicates: NearDuplicates | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault. Line 0 means the whole file."""

    fault: RowFault

    @property
    def severity(self) -> Severity:
        """How grave it is."""
        return RULES[self.fault.kind].severity

    def as_fault(self) -> Fault:
        """Return the fault in the error tree's own form; `str` of it is the line that people read."""
        fault = self.fault
        if fault.line:
            return fault.as_fault()
        path = f"{fault.path}: {fault.field}" if fault.field else fault.path
        return Fault(path, fault.rule, fault.value, fault.fix)

    def as_dict(self) -> dict[str, Any]:
        """Return the finding for machines."""
        fault, rule = self.fault, RULES[self.fault.kind]
        return {
            "path": fault.path,
            "line": fault.line or None,
            "field": fault.field,
            "rule": fault.rule,
            "value": fault.value,
            "fix": fault.fix,
            "kind": fault.kind,
            "severity": rule.severity,
            "number": rule.number,
            "openai_code": rule.openai_code,
            "openai_text": openai_words(fault),
        }


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """One file that was checked. `bytes` is its size on disk, None for what is no file."""

    path: str
    format: str
    layout: str
    rows: int
    bytes: int | None

    def as_dict(self) -> dict[str, Any]:
        """Return the file for machines."""
        return {each: getattr(self, each) for each in self.__slots__}


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `check` found. `totals` counts every finding of a kind, `findings` holds those that are shown."""

    files: tuple[CheckedFile, ...]
    totals: dict[str, int]
    findings: tuple[Finding, ...]
    notices: tuple[str, ...]

    @property
    def num_rows(self) -> int:
        """How many records there were, good and bad."""
        return sum(file.rows for file in self.files)

    def num(self, severity: Severity) -> int:
        """Return how many findings of this severity there are."""
        return sum(number for kind, number in self.totals.items() if RULES[kind].severity == severity)

    @property
    def is_refused(self) -> bool:
        """Whether OpenAI's service would refuse the files: one of its own rules is broken, and gravely."""
        return any(RULES[kind].severity == "error" and RULES[kind].number for kind in self.totals)

    def as_dict(self) -> dict[str, Any]:
        """Return the report for machines: one object, findings as flat objects."""
        return {
            "files": [file.as_dict() for file in self.files],
            "rows": self.num_rows,
            "totals": {
                "error": self.num("error"),
                "warn": self.num("warn"),
                "info": self.num("info"),
                "kinds": dict(self.totals),
            },
            "refused_by_openai": self.is_refused,
            "findings": [finding.as_dict() for finding in self.findings],
            "duplicates": self.totals.get("duplicate_row", 0),
            "notices": list(self.notices),
        }


def check(
    sources: Sequence[OpenSource], options: CheckOptions | None = None, on_progress: OnProgress | None = None
) -> CheckReport:
    """Return what is wrong with training files that are meant to be used together.

    Args:
        sources: the files; what they hold together must be one format and at least ten rows.
        options: what else to look for.
        on_progress: told the path, the records and the bytes of them so far, now and then.

    Raises:
        DataError: a source cannot be read any further.
    """
    options = options or CheckOptions()
    looking = _Check(options, on_progress)
    files = [looking.read(source) for source in sources]
    looking.judge_set(sources, sum(file.rows for file in files))
    order = ("error", "warn", "info")
    kinds = sorted(looking.totals, key=lambda kind: order.index(RULES[kind].severity))
    findings = tuple(finding for kind in kinds for finding in looking.shown[kind])
    totals = {kind: looking.totals[kind] for kind in kinds}
    return CheckReport(tuple(files), totals, findings, tuple(looking.notices))


def look_closely(source: OpenSource, record: Record | RowFault, search: TextSearch) -> Entry:
    """Return the record as its format reads it, its faults among them what its texts must not hold."""
    entry = source.entry(record)
    if entry.record is None or _is_quiet(entry, search):
        return entry
    odd = placed(search.findings(entry.record), source.path, entry.line)
    return entry._replace(faults=(*entry.faults, *odd))


def _is_quiet(entry: Entry, search: TextSearch) -> bool:
    """Whether one look at the whole record, as JSON, spares the look at each of its texts."""
    try:
        return search.is_quiet(entry.raw or orjson.dumps(entry.record))
    except (TypeError, RecursionError):  # nested more deeply than JSON is written, or a number too long
        return False


@dataclass
class _Check:
    options: CheckOptions
    on_progress: OnProgress | None
    totals: Counter[str] = field(default_factory=Counter)
    shown: dict[str, list[Finding]] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.search = TextSearch(self.options.special_tokens)
        self.fingerprints = Fingerprints(self.options.max_prompts)
        self._unmeasured: list[AnyRow] = []

    def read(self, source: OpenSource) -> CheckedFile:
        """Look at every record of one source."""
        # With a tokenizer each row must be built; its time is the tokenizer's anyway.
        plain = PlainRows(source.format, self.search) if self.options.token_lengths is None else None
        find = plain.fingerprint if plain else _never_plain
        keep = self.fingerprints.begin(source.path)
        tell = self.on_progress
        num_rows = num_bytes = 0
        # The hot path of the whole check: nothing is looked up or called here that can be left out.
        for num_rows, record in enumerate(source.records(), start=1):
            known = find(record) if type(record) is Record else None
            if known is not None:
                keep(record[0], known)  # pyright: ignore[reportIndexIssue] - only a record is known
            else:
                self._look(source, record, plain, keep)
            if tell is not None:
                num_bytes += len(record[2]) if type(record) is Record else 0
                if not num_rows % _PROGRESS_ROWS:
                    tell(source.path, num_rows, num_bytes)
        self._measure()
        self.notices += source.notices
        return CheckedFile(source.path, source.format.NAME, source.layout, num_rows, _size(source.path))

    def judge_set(self, sources: Sequence[OpenSource], num_rows: int) -> None:
        """Add what is wrong with the files as a whole."""
        self._add_all(_set_faults(sources, num_rows, self.options.method))
        same = self.fingerprints.duplicates(self.options.max_shown)
        fix = "keep one of them (--fix does): a repeated row is learnt by heart"
        self._add_pairs("duplicate_row", "says exactly what an earlier row says", same, fix)
        if self.fingerprints.prompts is None:
            limit = f"{self.options.max_prompts:,} rows"
            self.notices.append(f"contradictions were not looked for: there are more than {limit}")
        other = self.fingerprints.contradictions(self.options.max_shown)
        fix = "keep the right answer, if only one is"
        self._add_pairs("contradiction", "answers a prompt otherwise than an earlier row", other, fix)
        try:
            self._add_near_duplicates(sources)
        except MissingExtraError as error:
            self.notices.append(f"near duplicates were not looked for: {error.message} ({error.hint})")

    def _add_near_duplicates(self, sources: Sequence[OpenSource]) -> None:
        if self.options.near_duplicates is None:
            return
        fix = "keep the better one: tunewright data dedupe"
        for later, first, similarity in self.options.near_duplicates(sources):
            rule, value = "nearly says what an earlier row says", f"{first.path}:{first.line} ({similarity:.2f})"
            self._add(RowFault(later.path, later.line, "", rule, value, fix, "near_duplicate"))

    def _look(self, source: OpenSource, record: Record | RowFault, plain: PlainRows | None, keep: Keep) -> None:
        entry = look_closely(source, record, self.search)
        self._add_all(entry.faults)
        if entry.row is None:
            return
        odd = row_findings(entry.row)
        self._add_all(placed(odd, source.path, entry.line))
        keep(entry.line, fingerprint(entry.row))
        if plain and not odd and not entry.faults:
            plain.learn(entry)
        if self.options.token_lengths:
            self._unmeasured.append(entry.row)
            if len(self._unmeasured) >= _BATCH_ROWS:
                self._measure()

    def _measure(self) -> None:
        if not self.options.token_lengths or not self._unmeasured:
            return
        lengths = self.options.token_lengths(self._unmeasured)
        for row, length in zip(self._unmeasured, lengths, strict=True):
            self._add_all(_length_faults(row, length, self.options.context_length))
        self._unmeasured = []

    def _add_all(self, faults: Iterable[RowFault]) -> None:
        for fault in faults:
            self._add(fault)

    def _add(self, fault: RowFault) -> None:
        self.totals[fault.kind] += 1
        kept = self.shown.setdefault(fault.kind, [])
        if len(kept) < self.options.max_shown:
            kept.append(Finding(fault))

    def _add_pairs(self, kind: str, rule: str, pairs: Pairs, fix: str) -> None:
        for later, first in pairs.shown:
            self._add(RowFault(later.path, later.line, "", rule, f"{first.path}:{first.line}", fix, kind))
        if pairs.total:
            self.shown.setdefault(kind, [])
            self.totals[kind] = pairs.total


def _never_plain(_: Record) -> None:
    return None


def _set_faults(sources: Sequence[OpenSource], num_rows: int, method: str) -> Iterator[RowFault]:
    first = sources[0]
    if num_rows < MIN_ROWS:
        rule, fix = f"must hold at least {MIN_ROWS} rows", "add rows: fewer teach nothing that can be measured"
        yield RowFault(first.path, 0, "", rule, f"{num_rows}", fix, "too_few_rows")
    for source in sources:
        name = source.format.NAME
        if name != first.format.NAME:
            rule = f"must have the format of the first file, {first.format.NAME}"
            yield RowFault(source.path, 0, "", rule, name, "train on one format at a time", "mixed_formats")
        if method and source.format.KIND not in METHODS[method]:
            takes = " or ".join(METHODS[method])
            fits = [each for each, kinds in METHODS.items() if source.format.KIND in kinds]
            rule, fix = f"must hold {takes} rows, method={method}", f"choose --method {' or '.join(fits)}"
            yield RowFault(source.path, 0, "", rule, name, fix if fits else "convert the rows", "wrong_kind")


def _length_faults(row: AnyRow, length: TokenLength, context_length: int) -> Iterator[RowFault]:
    if length.problem:
        rule, fix = "must be renderable by the chat template", "see tunewright data render"
        yield RowFault(row.path, row.line, "", rule, length.problem, fix, "not_renderable")
    elif context_length and length.num_tokens > context_length:
        rule = f"must be at most {context_length:,} tokens; cut there, {length.num_answer_tokens_lost:,} tokens of its "
        rule += "answers would be lost"
        fix = "shorten it, or choose data.too_long"
        yield RowFault(row.path, row.line, "", rule, f"{length.num_tokens:,} tokens", fix, "too_long")


def _size(path: str) -> int | None:
    try:
        return Path(path).stat().st_size
    except (OSError, ValueError):  # the id of a data set is no file
        return None
