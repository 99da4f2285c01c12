"""The end of a run on the screen: whether it helped and how sure that is, answers side by side, and what to do next.

Shared by every verb that trains and by `show`, so that a run has one verdict. Fits 80 columns.
"""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tunewright.cli.screen import clean, command, shortened
from tunewright.runs.evaluation import Column, Evaluation, Verdict, every_group_early
from tunewright.runs.events import DataSplit
from tunewright.runs.folder import RunFolder
from tunewright.runs.summary import LOWER_IS_BETTER, RunSummary, last_of, score_text, scores_of, summarise

_NUM_SAMPLES = 3
_MAX_WIDTH = 100
_MAX_ANSWER = 160
_COLOURS: dict[Verdict, str] = {
    "better": "green",
    "worse": "red",
    "no_difference_shown": "yellow",
    "too_few_rows": "yellow",
}


def print_verdict(console: Console, run: RunFolder) -> None:
    """Print the verdict, the scores, the answers, where the run is, and the next commands."""
    summary, evaluation = summarise(run), run.evaluation()
    console.print()
    print_headline(console, run, summary, evaluation)
    if evaluation is not None:
        print_scores(console, evaluation)
        print_samples(console, evaluation)
        print_remarks(console, evaluation)
    # soft_wrap: a path or a command that is broken by a line end cannot be copied.
    console.print(f"run folder  {run.path}", soft_wrap=True)
    console.print(f"talk to it  {command('chat', run.path)}", soft_wrap=True)
    console.print(f"look at it  {command('show', run.path)}", soft_wrap=True)
    if evaluation is not None:
        console.print(f"worth it?   {command('eval', run.path)} --baselines", soft_wrap=True)


def print_remarks(console: Console, evaluation: Evaluation) -> None:
    """Print what must be known about the scores: how many rows of how many, what could not be judged, what leaked."""
    from tunewright.jobs.evaluation.told import remarks

    for line in remarks(evaluation, min(console.width, _MAX_WIDTH)):
        console.print(Text(clean(line), style="dim"))
    console.print()


def print_headline(console: Console, run: RunFolder, summary: RunSummary, evaluation: Evaluation | None) -> None:
    """Print whether it helped and how sure that is, or why that cannot be said."""
    if evaluation is not None and summary.judgement is not None:
        from tunewright.jobs.evaluation.told import verdict

        for line in verdict(evaluation, min(console.width, _MAX_WIDTH)):
            console.print(Text(clean(line), style=f"bold {_COLOURS[summary.judgement]}"))
        return
    if not summary.verdict:
        why = summary.message or _unscored(run, summary)
        # "paused after step 3: …" needs no "paused: " in front.
        text = why if why.startswith(summary.state) else f"{summary.state}: {why}"
        console.print(Text(clean(text), style="bold"))
        return
    word, style = _untested(summary)
    console.print(Text.assemble((summary.verdict, "bold"), "  ", (word, style)))


def print_scores(console: Console, evaluation: Evaluation) -> None:
    """Print every score that base and tuned have, with its 95 % interval."""
    base, tuned = evaluation.first("base"), evaluation.first("tuned")
    both = [name for name in scores_of(tuned) if name in scores_of(base)]
    if base is None or tuned is None or not both:
        return
    headline = evaluation.headline or "loss"
    table = Table(box=box.SIMPLE, pad_edge=False, show_edge=False)
    table.add_column("")
    table.add_column("base", justify="right")
    table.add_column("tuned", justify="right", style="bold")
    has_intervals = bool(tuned.scores)
    if has_intervals:
        table.add_column("95 %", justify="right", style="dim")
    for name in sorted(both, key=lambda name: (name != headline, name in LOWER_IS_BETTER)):
        note = " (lower is better)" if name in LOWER_IS_BETTER else ""
        values = [score_text(name, scores_of(column)[name]) for column in (base, tuned)]
        intervals = [_interval(tuned, name)] if has_intervals else []
        table.add_row(Text(name + note), *values, *intervals)
    console.print(table)
    console.print()


def print_samples(console: Console, evaluation: Evaluation) -> None:
    """Print answers of both models to the same questions; not the best ones, the first of many groups."""
    base, tuned = evaluation.first("base"), evaluation.first("tuned")
    places = every_group_early(evaluation.test.rows)[:_NUM_SAMPLES]
    if base is None or tuned is None or not places:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, show_lines=True)
    for name, style in (("question", ""), ("base", "dim"), ("tuned", "")):
        table.add_column(name, ratio=1, style=style, overflow="fold")
    for place in places:
        prompt = evaluation.test.rows[place].prompt
        answers = (column.answers[place].text or "(empty)" for column in (base, tuned))
        texts = (prompt[-1].content if prompt else "", *answers)
        table.add_row(*(Text(shortened(text, _MAX_ANSWER)) for text in texts))
    console.print(table, width=min(console.width, _MAX_WIDTH))
    console.print()


def _unscored(run: RunFolder, summary: RunSummary) -> str:
    if summary.state == "running":
        return "nothing was scored"
    split = last_of(DataSplit, run.events())
    if split is None or not split.num_test:
        return "nothing was scored: no held-out rows"
    return f"the run was not evaluated: {command('eval', run.path)}"


def _interval(column: Column, name: str) -> str:
    score = column.scores.get(name)
    return f"{score_text(name, score.low)} to {score_text(name, score.high)}" if score else ""


def _untested(summary: RunSummary) -> tuple[str, str]:
    base, tuned = summary.base_score, summary.tuned_score
    if base is None or tuned is None or base == tuned:
        return "no change", "yellow"
    # A loss has no test: the words say no more than the numbers do.
    is_lower = (tuned < base) == (summary.headline in LOWER_IS_BETTER)
    return ("better, untested", "green") if is_lower else ("worse, untested", "red")
