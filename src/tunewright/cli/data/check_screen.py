"""The report of `data check` on a terminal: the verdict, the findings by kind, the way out; and as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from tunewright.cli.screen import clean, command, make_console
from tunewright.data.checking.check import CheckReport, Finding, OnProgress
from tunewright.data.checking.repair import Change, RepairReport
from tunewright.data.rules import RULES, Severity, openai_words

_STYLES = {"error": "bold red", "warn": "yellow", "info": "cyan"}
# What a repaired copy has as well: no row is to blame.
_OF_SETS = {"too_few_rows"}
_WORDS: dict[Severity, tuple[str, str]] = {
    "error": ("error", "errors"),
    "warn": ("warning", "warnings"),
    "info": ("note", "notes"),
}


def print_json(report: CheckReport, repairs: Sequence[RepairReport], fixed: CheckReport | None) -> None:
    """Print one object: the report, and after a repair every change and the report of the copies."""
    result = report.as_dict()
    if fixed:
        result["repairs"] = [
            {
                "path": done.path,
                "output": str(done.output),
                "changes_path": str(done.changes_path),
                "rows": done.num_rows,
                "written": done.num_written,
                "changes": [orjson.loads(line) for line in done.changes_path.read_bytes().splitlines()],
            }
            for done in repairs
        ]
        result["fixed"] = fixed.as_dict()
    print(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())


def print_report(report: CheckReport, repairs: Sequence[RepairReport], fixed: CheckReport | None) -> None:
    """Print the report for people."""
    console = make_console()
    _line(console, verdict(report), _style(report))
    for file in report.files:
        size = f", {file.bytes:,} bytes" if file.bytes is not None else ""
        _line(console, f"  {file.path}: {file.format}, {file.layout}, {_count(file.rows, 'row', 'rows')}{size}", "dim")
    for notice in report.notices:
        _line(console, f"  note: {notice}", "dim")
    for kind, total in report.totals.items():
        _print_kind(console, kind, total, [each for each in report.findings if each.fault.kind == kind])
    for done in repairs:
        _print_repair(console, done)
    if fixed:
        _line(console, "")
        _line(console, f"{' '.join(file.path for file in fixed.files)}: {verdict(fixed)}", _style(fixed))
    elif _can_be_repaired(report):
        _line(console, "")
        _line(console, "To repair what can be repaired, into a copy, with a list of each change:")
        for file in report.files:
            _line(console, f"  {command('data check', Path(file.path))} --fix")


def verdict(report: CheckReport) -> str:
    """Return the first line: how much is wrong in how much, and what it means."""
    rows = _count(report.num_rows, "row", "rows")
    counts = [_count(report.num(severity), *words) for severity, words in _WORDS.items() if report.num(severity)]
    if not counts:
        return f"nothing is wrong in {rows}"
    said = f"{', '.join(counts)} in {rows}"
    if report.is_refused:
        return f"{said}: OpenAI would refuse this {'file' if len(report.files) == 1 else 'set'}"
    return said if report.num("error") else f"{said}: it can be trained on"


def _can_be_repaired(report: CheckReport) -> bool:
    errors = {kind for kind in report.totals if RULES[kind].severity == "error"}
    return "wrong_kind" not in errors and bool(errors - _OF_SETS)


@contextmanager
def progress(paths: Sequence[str]) -> Iterator[OnProgress | None]:
    """Yield a listener that draws a bar for the files on stderr, or None where that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[rows]} rows"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks = {}

        def show(path: str, num_rows: int, num_bytes: int) -> None:
            if path not in tasks:
                size = Path(path).stat().st_size if Path(path).is_file() else None
                tasks[path] = bars.add_task(clean(path), total=size, rows="")
            bars.update(tasks[path], completed=num_bytes, rows=f"{num_rows:,}")

        yield show


def _print_kind(console: Console, kind: str, total: int, findings: list[Finding]) -> None:
    rule = RULES[kind]
    codes = " ".join(filter(None, (rule.number, rule.openai_code)))
    _line(console, "")
    title = f"{_WORDS[rule.severity][0]}: {kind.replace('_', ' ')}, {total:,}"
    _line(console, f"{title} ({codes})" if codes else title, _STYLES[rule.severity])
    for finding in findings:
        _line(console, f"  {finding.as_fault()}")
    if total > len(findings):
        more = f"… and {total - len(findings):,} more" if findings else f"{total:,}, not shown"
        _line(console, f"  {more} (--max-shown)", "dim")
    if findings and (words := openai_words(findings[0].fault)):
        _line(console, f"  OpenAI: {words}", "dim")


def _print_repair(console: Console, done: RepairReport) -> None:
    _line(console, "")
    removed = sum(number for (action, _), number in done.totals.items() if action == "removed")
    mended = _count(done.num("repaired"), "repair", "repairs")
    rows = f"{done.num_written:,} of {_count(done.num_rows, 'row', 'rows')}"
    _line(console, f"{done.output}: {rows}, {mended}, {_count(removed, 'row', 'rows')} removed", "bold")
    shown: dict[tuple[str, str], list[Change]] = {}
    for change in done.shown:
        shown.setdefault((change.action, change.kind), []).append(change)
    for (action, kind), total in done.totals.items():
        changes = shown.get((action, kind), [])
        for change in changes:
            _line(console, f"  {change}")
        if total > len(changes):
            _line(console, f"  … and {total - len(changes):,} more {action}: {kind.replace('_', ' ')}", "dim")
    _line(console, f"  every change: {done.changes_path}", "dim")


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _style(report: CheckReport) -> str:
    return "bold red" if report.num("error") else "bold yellow" if report.num("warn") else "bold green"


def _line(console: Console, text: str, style: str = "") -> None:
    # One finding is one line however long: a line that is folded cannot be searched for.
    console.print(Text(clean(text).replace("\n", " "), style=style), soft_wrap=True)
