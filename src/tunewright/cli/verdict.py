"""The end of a run on the screen: whether it helped, three answers side by side, and what to do next.

Shared by every verb that trains and by `show`, so that a run has one verdict. Fits 80 columns.
"""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tunewright.cli.screen import command, shortened
from tunewright.runs.folder import RunFolder
from tunewright.runs.samples import Sample, Scores
from tunewright.runs.summary import LOWER_IS_BETTER, RunSummary, score_text, summarise

_MAX_SAMPLES = 3
_MAX_WIDTH = 100
_MAX_ANSWER = 160


def print_verdict(console: Console, run: RunFolder) -> None:
    """Print the verdict, the scores, the answers, where the run is, and the next commands."""
    summary, scores = summarise(run), run.scores()
    console.print()
    print_headline(console, summary)
    if scores is not None:
        print_scores(console, scores)
        print_samples(console, scores.samples[:_MAX_SAMPLES])
    # soft_wrap: a path or a command that is broken by a line end cannot be copied.
    console.print(f"run folder  {run.path}", soft_wrap=True)
    console.print(f"talk to it  {command('chat', run.path)}", soft_wrap=True)
    console.print(f"look at it  {command('show', run.path)}", soft_wrap=True)


def print_headline(console: Console, summary: RunSummary) -> None:
    """Print whether it helped, in one line, or why that cannot be said."""
    if not summary.verdict:
        why = summary.message or "nothing was scored" + ("" if summary.state == "running" else ": no held-out rows")
        # "paused after step 3: …" needs no "paused: " in front.
        text = why if why.startswith(summary.state) else f"{summary.state}: {why}"
        console.print(Text(text, style="bold"))
        return
    word, style = _judgement(summary)
    console.print(Text.assemble((summary.verdict, "bold"), "  ", (word, style)))


def print_scores(console: Console, scores: Scores) -> None:
    """Print every score that both models have."""
    names = [name for name in scores.tuned if name in scores.base]
    if not names:
        return
    table = Table(box=box.SIMPLE, pad_edge=False, show_edge=False)
    table.add_column("")
    table.add_column("base", justify="right")
    table.add_column("tuned", justify="right", style="bold")
    for name in sorted(names, key=lambda name: (name != scores.headline, name in LOWER_IS_BETTER)):
        note = " (lower is better)" if name in LOWER_IS_BETTER else ""
        table.add_row(Text(name + note), score_text(name, scores.base[name]), score_text(name, scores.tuned[name]))
    console.print(table)
    console.print()


def print_samples(console: Console, samples: list[Sample]) -> None:
    """Print answers of both models to the same questions; not the best ones, the first ones of the report."""
    if not samples:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, show_lines=True)
    for name, style in (("question", ""), ("base", "dim"), ("tuned", "")):
        table.add_column(name, ratio=1, style=style, overflow="fold")
    for sample in samples:
        question = sample.prompt_messages[-1].content if sample.prompt_messages else ""
        answers = (question, sample.base or "(empty)", sample.tuned or "(empty)")
        table.add_row(*(Text(shortened(text, _MAX_ANSWER)) for text in answers))
    console.print(table, width=min(console.width, _MAX_WIDTH))
    console.print()


def _judgement(summary: RunSummary) -> tuple[str, str]:
    base, tuned = summary.base_score, summary.tuned_score
    if base is None or tuned is None or base == tuned:
        return "no change", "yellow"
    is_better = (tuned < base) == (summary.headline in LOWER_IS_BETTER)
    return ("better", "green") if is_better else ("worse", "red")
