"""The page of a run: one self-contained file that a browser shows without a network, in light or dark.

Gathers what the run folder holds and hands it to `run.html.jinja`, which escapes everything that comes from rows,
models or files. Works for a run in any state, with or without an evaluation. Scores nothing: it shows what there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tunewright.evaluate.page import figures
from tunewright.evaluate.page.curves import loss_chart, machine_charts
from tunewright.evaluate.page.evaluation_view import evaluation_view
from tunewright.evaluate.page.markdown import evaluation_markdown
from tunewright.evaluate.page.rendering import render_page
from tunewright.runs.atomic import write_text
from tunewright.runs.events import DataRead, DataSplit, Event, ModelLoaded, RowLeftOut, TrainingStarted
from tunewright.runs.folder import RunFolder
from tunewright.runs.hardest import HARDEST, load_hardest
from tunewright.runs.summary import distinct, last_of, summarise

MARKDOWN = "evaluation.md"
"""Name of the file beside the page that says the same of the evaluation, for an issue or a model card."""

_MAX_LEFT_OUT = 100


def write_report(run: RunFolder) -> Path:
    """Write `report/index.html` of a run, and `evaluation.md` beside it if there is an evaluation; return the page.

    Raises:
        RunError: if a file of the run is damaged.
        StorageError: if the page cannot be written.
    """
    write_text(run.report_path, render_report(run))
    evaluation = run.evaluation()
    if evaluation is not None:
        write_text(run.report_path.with_name(MARKDOWN), evaluation_markdown(evaluation))
    return run.report_path


def render_report(run: RunFolder) -> str:
    """Return the page as text.

    Raises:
        RunError: if a file of the run is damaged.
    """
    events, metrics, evaluation, summary = run.events(), run.metrics(), run.evaluation(), summarise(run)
    page = {
        "summary": summary,
        "evaluation": evaluation,
        "view": evaluation_view(evaluation) if evaluation is not None else None,
        "loss_chart": loss_chart(metrics, events, summary.best_step),
        "machine": machine_charts(metrics),
        "hardest": load_hardest(run.path / HARDEST),
        "model": last_of(ModelLoaded, events),
        "training": last_of(TrainingStarted, events),
        "recipe": run.recipe_path.read_text(encoding="utf-8"),
        "manifest": run.manifest(),
        "f": figures,
        **_data(events),
    }
    return render_page("run.html.jinja", page)


def _data(events: Sequence[Event]) -> dict[str, Any]:
    left_out = distinct(RowLeftOut, events)
    return {
        "files": distinct(DataRead, events),
        "split": last_of(DataSplit, events),
        "left_out": left_out[:_MAX_LEFT_OUT],
        "num_more_left_out": max(0, len(left_out) - _MAX_LEFT_OUT),
    }
