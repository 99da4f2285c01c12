"""The verdict of an evaluation in words: whether the tuned model is better than its base, with the numbers.

The one wording that page, Markdown and terminal share. It says `better` only where the comparison does, and names
what was too few, too close or not measured. Does not compare anything itself: the verdicts are the file's.
"""

from __future__ import annotations

from collections.abc import Iterable

from tunewright.evaluate.page.figures import Scale, p_text, rows_text, scale_of
from tunewright.runs.evaluation import Column, Comparison, Evaluation, Verdict

TUNED = ("tuned", "tuned_retrieval")
_OPPOSITE: dict[Verdict, Verdict] = {"better": "worse", "worse": "better"}
_OPENINGS: dict[Verdict, str] = {
    "better": "{a} is better than {b}",
    "worse": "{a} is worse than {b}",
    "no_difference_shown": "no difference between {a} and {b} was shown",
    "too_few_rows": "too few rows to tell {a} from {b}",
}
VERDICT_WORDS: dict[Verdict, tuple[str, str, str]] = {
    "better": ("right", "▲", "better"),
    "worse": ("wrong", "▼", "worse"),
    "no_difference_shown": ("soft", "=", "no difference shown"),
    "too_few_rows": ("partly", "?", "too few rows to tell"),
}
"""Of each verdict: CSS class, sign, words. Never told by colour alone."""


def headline_sentence(evaluation: Evaluation) -> str:
    """Return the verdict in one sentence: the tuned column against the base, or what can be said instead."""
    if not evaluation.headline:
        return _ungraded(evaluation)
    subject, base = main_column(evaluation), base_column(evaluation)
    if subject is None or evaluation.headline not in subject.scores:
        return f"Nothing can be said: no column has a score by {evaluation.headline}."
    found = comparison(evaluation, subject.name, base.name, evaluation.headline) if base else None
    scale = scale_of(evaluation, evaluation.headline)
    if base is None or found is None:
        return _alone(subject, evaluation.headline, scale)
    return comparison_sentence(found, subject, base, scale)


def rival_sentence(evaluation: Evaluation) -> str:
    """Return how the tuned column stands against the best one that needs no training; empty without a comparison."""
    subject, base = main_column(evaluation), base_column(evaluation)
    if subject is None or subject.kind not in TUNED:
        return ""
    rivals = [
        column
        for column in _by_score(evaluation, evaluation.columns)
        if column.kind not in TUNED and column is not base and evaluation.headline in column.scores
    ]
    if not rivals:
        return ""
    found = comparison(evaluation, subject.name, rivals[0].name, evaluation.headline)
    if found is None:
        return ""
    return comparison_sentence(found, subject, rivals[0], scale_of(evaluation, evaluation.headline))


def main_column(evaluation: Evaluation) -> Column | None:
    """Return the column that the verdict is about: the first tuned one, else the best of those that are not the base.

    Of several tuned columns the first, not the best: to pick on the test set would be to choose by it.
    """
    for kind in TUNED:
        for column in evaluation.columns:
            if column.kind == kind:
                return column
    base = base_column(evaluation)
    others = [column for column in evaluation.columns if column is not base]
    return next(iter(_by_score(evaluation, others)), base)


def base_column(evaluation: Evaluation) -> Column | None:
    """Return the untuned model as it is, if it was asked."""
    return next((column for column in evaluation.columns if column.kind == "base"), None)


def comparison(evaluation: Evaluation, column: str, against: str, grader: str) -> Comparison | None:
    """Return how `column` compares with `against`; one that was made the other way round is turned."""
    for found in evaluation.comparisons:
        if found.grader != grader:
            continue
        if (found.column, found.against) == (column, against):
            return found
        if (found.column, found.against) == (against, column):
            return _turned(found)
    return None


def comparison_sentence(found: Comparison, a: Column, b: Column, scale: Scale) -> str:
    """Return one comparison, of `a` against `b`, in one sentence."""
    opening = _OPENINGS[found.verdict].format(a=noun(a), b=noun(b))
    scores = [column.scores.get(found.grader) for column in (b, a)]
    values = " → ".join(scale.value(score.mean) if score else "not scored" for score in scores)
    difference = scale.difference(found.difference, found.low, found.high)
    rows = rows_text(found.num_rows)
    if found.num_groups < found.num_rows:
        rows += f" in {rows_text(found.num_groups, 'group')}"
    text = f"{opening}: {found.grader} {values}, {difference}, {p_text(found.p_holm)}, on {rows}"
    return _capital(text + _detectable(found, scale)) + "." + _left_out(a, found.grader)


def noun(column: Column) -> str:
    """Return what a column is called in a sentence: `the tuned model`, or its name in quotes."""
    return f"the {column.name} model" if column.name in {"base", "tuned"} else f"“{column.name}”"


def _detectable(found: Comparison, scale: Scale) -> str:
    """Return what this test could have shown at all, where nothing was shown."""
    if found.detectable is None or found.verdict in {"better", "worse"}:
        return ""
    size = scale.size(found.detectable)
    if found.verdict == "too_few_rows":
        return f"; so few show only a difference of {size} or more (8 times out of 10)"
    return f"; a true difference of {size} or more would have shown (8 times out of 10)"


def _alone(column: Column, grader: str, scale: Scale) -> str:
    score = column.scores[grader]
    value = f"{scale.value(score.mean)} by {grader} (95 % interval {scale.interval(score.low, score.high)})"
    text = f"{noun(column)} scores {value} on {rows_text(score.num_rows)}; it was not compared with its base"
    return _capital(text) + "." + _left_out(column, grader)


def _left_out(column: Column, grader: str) -> str:
    score = column.scores.get(grader)
    if score is None or not score.num_failed:
        return ""
    were = "was" if score.num_failed == 1 else "were"
    return f" {rows_text(score.num_failed, 'answer')} could not be judged and {were} left out."


def _ungraded(evaluation: Evaluation) -> str:
    subject, base = main_column(evaluation), base_column(evaluation)
    if subject is None or subject.loss is None:
        return "Nothing was graded, so nothing can be said about whether it helped."
    before = f"{base.loss:.3f} → " if base is not None and base is not subject and base.loss is not None else ""
    rows = rows_text(len(evaluation.test.rows))
    return f"No answer was graded; the loss of the references is {before}{subject.loss:.3f} nats a token on {rows}."


def _by_score(evaluation: Evaluation, columns: Iterable[Column]) -> list[Column]:
    """Return the columns, best first; those without a score come last."""
    grader = evaluation.headline
    return sorted(columns, key=lambda c: -c.scores[grader].mean if grader in c.scores else float("inf"))


def _turned(found: Comparison) -> Comparison:
    return found.model_copy(
        update={
            "column": found.against,
            "against": found.column,
            "difference": -found.difference,
            "low": -found.high,
            "high": -found.low,
            "verdict": _OPPOSITE.get(found.verdict, found.verdict),
        }
    )


def _capital(text: str) -> str:
    """Return the sentence with a capital, where it opens with a word of ours and not with somebody's name."""
    return text[:1].upper() + text[1:]
