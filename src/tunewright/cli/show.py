"""`tunewright show` and `report`: what happened in a run, the verdict first, from its folder alone; no torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tunewright.cli.screen import clean, command, make_console
from tunewright.cli.verdict import print_headline, print_remarks, print_samples, print_scores
from tunewright.jobs.notebook import clock
from tunewright.runs.evaluation import Evaluation
from tunewright.runs.events import DataRead, DataSplit, Event, RowLeftOut
from tunewright.runs.folder import RunFolder
from tunewright.runs.metrics import MetricsRow
from tunewright.runs.summary import RunSummary, distinct, last_of, summarise

_MAX_LEFT_OUT = 10
_UNTRAINED = {"prompt", "few_shot", "retrieval"}
_SPARK_WIDTH = 48
_SPARKS = "▁▂▃▄▅▆▇█"


def show_run(path: str, *, as_json: bool) -> None:
    """Print the run at `path`.

    Raises:
        RunMissingError, RunError: if there is none or it is damaged.
    """
    run = RunFolder.open(Path(path))
    summary, events, evaluation = summarise(run), run.events(), run.evaluation()
    left_out = distinct(RowLeftOut, events)
    if as_json:
        extra = {
            "evaluation": evaluation.model_dump(mode="json") if evaluation else None,
            "left_out": [row.model_dump(mode="json", exclude={"type", "time"}) for row in left_out],
        }
        print(json.dumps({**summary.as_dict(), **extra}, ensure_ascii=False, indent=2))
        return
    console = make_console()
    print_headline(console, run, summary, evaluation)
    if evaluation is not None:
        print_scores(console, evaluation)
        print_samples(console, evaluation)
        print_remarks(console, evaluation)
        _print_advice(console, evaluation)
    _print_facts(console, run, summary, events)
    _print_losses(console, run.metrics(), summary)
    _print_left_out(console, left_out)
    for notice in summary.notices:
        hint = f" ({notice.hint})" if notice.hint else ""
        console.print(Text(clean(f"note        {notice.message}{hint}"), style="yellow"))
    _print_next(console, run, summary, evaluation)


def rewrite_report(path: str) -> None:
    """Write the report page of the run at `path` and print where it is.

    Raises:
        RunMissingError, RunError, StorageError: as the run folder.
    """
    RunFolder.open(Path(path))
    from tunewright.jobs.python import load_run

    print(load_run(path).write_report())


def sparkline(values: Sequence[float], width: int = _SPARK_WIDTH) -> str:
    """Return the values as a row of bars, at most `width` of them: each the mean of its share of the values."""
    if not values:
        return ""
    num_bars = min(width, len(values))
    edges = [round(index * len(values) / num_bars) for index in range(num_bars + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(means), max(means)
    span = (high - low) or 1.0
    return "".join(_SPARKS[min(len(_SPARKS) - 1, int((mean - low) / span * len(_SPARKS)))] for mean in means)


def _print_advice(console: Console, evaluation: Evaluation) -> None:
    """Print what the evaluation comes to; the reasons are on the page."""
    for sentence in evaluation.advice[:1]:
        console.print(Text(f"→ {clean(sentence.text)}", style="bold"))
        console.print()


def _print_facts(console: Console, run: RunFolder, summary: RunSummary, events: list[Event]) -> None:
    recipe = run.recipe()
    took = f" in {clock(summary.seconds)}" if summary.seconds is not None else ""
    steps = f"{summary.steps_done:,} of {summary.num_steps:,} steps" if summary.num_steps else "no step yet"
    train = recipe.train
    facts = [
        ("run", f"{summary.name}, {summary.state}, begun {summary.created}"),
        ("model", f"{summary.model} with {summary.method}"),
        ("training", f"{steps}{took}"),
        ("settings", f"learning rate {train.learning_rate}, batch size {train.batch_size}, seed {train.seed}"),
    ]
    facts += [("data", f"{f.role}: {f.num_rows:,} rows of {f.path} ({f.format})") for f in distinct(DataRead, events)]
    if (split := last_of(DataSplit, events)) is not None:
        counts = f"{split.num_train:,} train, {split.num_validation:,} validation, {split.num_test:,} scored"
        facts.append(("rows", counts))
    result = f"{summary.artifact_kind}: {summary.artifact_path}" if summary.artifact_kind else "none yet"
    facts.append(("result", result))
    table = Table.grid(padding=(0, 1))
    table.add_column(width=11)
    table.add_column(overflow="fold")
    for name, fact in facts:
        table.add_row(name, Text(clean(fact)))
    for rule in summary.rules:
        value = f"{rule.value:g}" if isinstance(rule.value, float) else rule.value
        table.add_row(Text("chosen", style="dim"), Text(f"{rule.path} {value} ← {rule.rule}", style="dim"))
    console.print(table)


def _print_losses(console: Console, rows: Sequence[MetricsRow], summary: RunSummary) -> None:
    losses = {
        "train loss": [row.train_loss for row in rows if row.train_loss is not None],
        "valid loss": [row.valid_loss for row in rows if row.valid_loss is not None],
    }
    for name, values in losses.items():
        if values:
            best = f", best at step {summary.best_step:,}" if name == "valid loss" and summary.best_step else ""
            console.print(f"{name}  {values[0]:.3f} {sparkline(values)} {values[-1]:.3f}{best}", soft_wrap=True)


def _print_left_out(console: Console, rows: Sequence[RowLeftOut]) -> None:
    for row in rows[:_MAX_LEFT_OUT]:
        console.print(Text(clean(f"left out    {row.path}:{row.line}: {row.reason}"), style="yellow"), soft_wrap=True)
    if len(rows) > _MAX_LEFT_OUT:
        more = len(rows) - _MAX_LEFT_OUT
        console.print(
            Text(f"left out    … and {more:,} more ({len(rows):,} in all): --json names them", style="yellow")
        )


def _print_next(console: Console, run: RunFolder, summary: RunSummary, evaluation: Evaluation | None) -> None:
    console.print()
    if summary.hint:
        console.print(clean(f"way on      {summary.hint}"), soft_wrap=True)
    if summary.artifact_kind:
        console.print(f"talk to it  {command('chat', run.path)}", soft_wrap=True)
    if run.report_path.exists():
        console.print(f"report      {run.report_path}", soft_wrap=True)
    elif summary.state != "running":
        console.print(f"report      {command('report', run.path)}", soft_wrap=True)
    if evaluation is not None and not any(column.kind in _UNTRAINED for column in evaluation.columns):
        console.print(f"worth it?   {command('eval', run.path)} --baselines", soft_wrap=True)
