"""What `tunewright data profile` prints: the verdicts, then bars, in 80 columns; or one JSON object.

Deliberately counts nothing: a profile arrives complete.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from tunewright.cli.screen import clean, make_console, shortened
from tunewright.data.profiling.figures import Bin, Count, Quantiles
from tunewright.data.profiling.page import size_text
from tunewright.data.profiling.shape import Profile, Texts
from tunewright.data.profiling.tokens import TokenProfile
from tunewright.data.profiling.verdict import counted, percent, profile_tree, verdicts_of
from tunewright.data.read import Entry
from tunewright.errors import RecipeError

_SIGNS = {"error": ("✗", "red"), "warn": ("!", "yellow"), "info": ("·", "dim")}
_NAME_CELLS, _BAR_CELLS = 26, 28
_NUM_BARS = 12
_NUM_SHOWN = 5
_MAX_TEXT = 66
_PATIENCE_S = 2.0
_EIGHTHS = " ▏▎▍▌▋▊▉"


def page_path(html: str) -> Path:
    """Return where the page goes.

    Raises:
        RecipeError: if the name is not that of a page: a file of rows must not be replaced by a slip.
    """
    path = Path(html)
    if path.suffix.lower() not in (".html", ".htm"):
        raise RecipeError(f"--html {html}: must end in .html", hint=f"--html {path.with_suffix('.html')}")
    return path


def followed(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the entries; on a terminal, say on stderr how far the reading is once it takes more than two seconds."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} records"), TimeElapsedColumn())
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = progress.add_task("", total=None)
    started, is_shown = time.monotonic(), False
    try:
        for number, entry in enumerate(entries):
            if not is_shown and time.monotonic() - started > _PATIENCE_S:
                progress.start()
                is_shown = True
            if is_shown and number % 100 == 0:
                progress.update(task, completed=number)
            yield entry
    finally:
        if is_shown:
            progress.stop()


def print_profile(profile: Profile, page: Path | None, notices: Sequence[str], *, as_json: bool) -> None:
    """Print the profile to stdout, and for people where its page is; notices go to stderr for scripts."""
    if as_json:
        for notice in notices:
            print(clean(notice), file=sys.stderr)
        print(json.dumps(profile_tree(profile), ensure_ascii=False, indent=2))
        return
    _Screen(make_console()).show(profile, page, notices)


class _Screen:
    """Prints the parts of a profile to one console, a heading over each."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def show(self, profile: Profile, page: Path | None, notices: Sequence[str]) -> None:
        self._head(profile)
        for notice in notices:
            self._signed("!", "yellow", notice)
        for verdict in verdicts_of(profile):
            self._signed(*_SIGNS[verdict.severity], verdict.text)
        if profile.tokens:
            self._tokens(profile.tokens)
        self._job(profile)
        if profile.labels:
            labels = profile.labels
            more = (
                ""
                if labels.num_distinct <= _NUM_BARS
                else f", the most frequent {_NUM_BARS} of {labels.num_distinct:,}"
            )
            self._heading(f"Labels{more}")
            self._bars(labels.counts[:_NUM_BARS], labels.num_labels)
        self._texts(profile)
        self._conversations(profile)
        self._files(profile)
        if not profile.tokens:
            self._line("\nWith --model NAME, tokens are counted too, and what each length limit would cut.", "dim")
        if page is not None:
            self._line(f"\nThe page: {page}")

    def _head(self, profile: Profile) -> None:
        paths = ", ".join(source.path for source in profile.sources) or "no file"
        formats = ", ".join(dict.fromkeys(source.format for source in profile.sources if source.format))
        facts = [paths, formats, counted(profile.num_rows, "row"), size_text(profile.size_bytes)]
        self._console.print(Text(clean(" · ".join(fact for fact in facts if fact)), style="bold"))

    def _tokens(self, tokens: TokenProfile) -> None:
        self._heading(f"Tokens of a row, as {tokens.model} counts them")
        self._columns(tokens.histogram)
        table = _quantile_table()
        for name, quantiles in (("rows", tokens.rows), ("prompts", tokens.prompts), ("answers", tokens.answers)):
            table.add_row(name, *_quantile_cells(quantiles))
        self._console.print(table)
        self._heading("What a length limit costs")
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("limit", "rows cut", "answers cut", "tokens lost", "answers gone"):
            table.add_column(name, justify="right")
        table.add_column("", no_wrap=True)
        for each in tokens.telling_limits:
            costs = (each.limit, each.num_cut, each.num_answers_cut, each.num_answer_tokens_lost, each.num_answers_gone)
            table.add_row(*(f"{cost:,}" for cost in costs), "" if each.why == "common" else each.why)
        self._console.print(table)
        shared = tokens.shared_prefixes
        self._heading("Shared prefixes")
        sample = f" (at least: {shared.num_rows_compared:,} rows compared)" if shared.is_sample else ""
        self._line(f"{percent(shared.whole_set)} of the tokens repeat the beginning of another row{sample}")
        self._line(f"{percent(shared.windows)} do so among {shared.window} neighbouring rows")

    def _job(self, profile: Profile) -> None:
        job = profile.job
        if job is None:
            return
        self._heading("Size of a run")
        tokens = "" if job.num_tokens is None else f", {counted(job.num_tokens, 'token')}"
        passes = f"{job.epochs:g} epoch{'' if job.epochs == 1 else 's'}"
        rows = f"{counted(job.num_rows, 'row')} × {passes}, {counted(job.batch_size, 'row')} a step"
        self._line(f"{counted(job.num_steps, 'step')}{tokens}: {rows}")
        for rule in job.rules:
            self._line(rule, "dim")

    def _texts(self, profile: Profile) -> None:
        self._heading("Texts")
        table = _quantile_table()
        for name, texts in (("prompts", profile.prompts), ("answers", profile.answer_texts)):
            _add_texts(table, name, texts)
        self._console.print(table)
        answers = profile.answers
        different = "" if answers.num_distinct is None else f", {answers.num_distinct:,} different"
        short = f"{answers.num_short:,} short ({answers.short_rule})"
        self._line(f"{counted(answers.count, 'answer')}{different}; {answers.num_empty:,} empty, {short}")
        if answers.repeated and not profile.labels:
            self._counts("Repeated answers", answers.repeated)
        if profile.scripts:
            self._heading("Scripts, by letters")
            letters = sum(each.num_letters for each in profile.scripts)
            self._bars([Count(each.script, each.num_letters) for each in profile.scripts[:_NUM_BARS]], letters)

    def _conversations(self, profile: Profile) -> None:
        if profile.turns:
            self._heading("Turns of a row, system prompts not counted")
            self._columns(profile.turns)
        more = profile.num_role_patterns - _NUM_SHOWN
        self._counts(f"Role patterns{f', {more:,} more not shown' if more > 0 else ''}", profile.role_patterns)
        if profile.systems is None:
            return
        self._counts(
            f"System prompts ({counted(profile.systems.num_rows_without, 'row')} without)", profile.systems.most
        )
        tools = profile.tools
        if tools.num_rows_with_tools or tools.num_calls:
            self._heading("Tools")
            rows = f"{counted(tools.num_rows_with_tools, 'row')} with tools, {tools.num_rows_with_calls:,} with calls"
            answers = f"{counted(tools.num_tool_answers, 'answer')} of tools"
            self._line(f"{rows}: {counted(tools.num_calls, 'call')}, {answers}")
            self._counts("", tools.functions)

    def _files(self, profile: Profile) -> None:
        if len(profile.sources) > 1:
            self._heading("Files")
            for each in profile.sources:
                unusable = f", {each.num_unusable:,} unusable" if each.num_unusable else ""
                self._line(f"{each.path}: {each.format}, {counted(each.num_rows, 'row')}{unusable}")
        self._counts("Why records are unusable", profile.unusable_kinds)
        self._counts("Metadata keys", profile.metadata_keys)

    def _signed(self, sign: str, style: str, text: str) -> None:
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_row(Text(sign, style=style), Text(clean(text), overflow="fold"))
        self._console.print(table)

    def _heading(self, text: str) -> None:
        self._console.print(Text(f"\n{clean(text)}", style="bold"))

    def _line(self, text: str, style: str = "") -> None:
        self._console.print(Text(clean(text), style=style))

    def _counts(self, heading: str, counts: Sequence[Count]) -> None:
        if not counts:
            return
        if heading:
            self._heading(heading)
        width = len(f"{counts[0].count:,}")
        for each in counts[:_NUM_SHOWN]:
            self._line(f"{each.count:>{width},}  {shortened(each.value, _MAX_TEXT) or '(nothing)'}")

    def _columns(self, bins: Sequence[Bin]) -> None:
        self._bars([Count(each.label, each.count) for each in bins], sum(each.count for each in bins))

    def _bars(self, counts: Sequence[Count], total: int) -> None:
        top = max((each.count for each in counts), default=0)
        names = [shortened(each.value, _NAME_CELLS) or "(nothing)" for each in counts]
        cells = min(_NAME_CELLS, max(map(cell_len, names), default=0))
        for name, each in zip(names, counts, strict=True):
            line = Text(set_cell_size(name, cells) + " ")
            line.append(_bar(each.count, top), style="cyan")
            line.append(f" {each.count:>9,}  {percent(each.count / total) if total else '':>8}")
            self._console.print(line)


def _bar(count: int, top: int) -> str:
    """Return a bar of block characters, in eighths of a cell; what is above 0 is never invisible."""
    eighths = max(round(8 * _BAR_CELLS * count / top), 1) if count else 0
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(_BAR_CELLS)


def _quantile_table() -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    for name in ("median", "90 %", "95 %", "99 %", "longest", "total"):
        table.add_column(name, justify="right")
    return table


def _quantile_cells(quantiles: Quantiles) -> list[str]:
    found = (quantiles.p50, quantiles.p90, quantiles.p95, quantiles.p99, quantiles.max, quantiles.total)
    return [f"{number:,}" for number in found]


def _add_texts(table: Table, name: str, texts: Texts) -> None:
    if texts.chars.count:
        table.add_row(f"{name}, characters", *_quantile_cells(texts.chars))
        table.add_row(f"{name}, words", *_quantile_cells(texts.words))
