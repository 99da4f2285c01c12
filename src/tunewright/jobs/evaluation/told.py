"""An evaluation in words, for whoever has no room for the page.

Reads what was measured; loads neither torch nor a model, so that `show` is quick. Does not know how anything is drawn.
"""

from __future__ import annotations

from tunewright.evaluate.page.terminal import evaluation_lines, remark_lines, verdict_lines
from tunewright.runs.evaluation import Evaluation


def told(evaluation: Evaluation, width: int) -> list[str]:
    """Return the evaluation as lines for a terminal of `width` columns, the verdict first."""
    return evaluation_lines(evaluation, width)


def verdict(evaluation: Evaluation, width: int) -> list[str]:
    """Return whether it helped, and how sure that is."""
    return verdict_lines(evaluation, width)


def remarks(evaluation: Evaluation, width: int) -> list[str]:
    """Return which rows were scored in what time, and what must be known about the scores."""
    return remark_lines(evaluation, width)
