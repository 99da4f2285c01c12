"""The verdict of an evaluation in words: whether the tuned model is better than its base, with the numbers.

The one wording that page, Markdown and terminal share. It says `better` only where the comparison does, and names
what was too few, too close or not measured. Does not compare anything itself: the verdicts are the file's.
"""

from __future__ import annotations

from collections.abc import Iterable

from tunewright.evaluate.page.figures import Scale, p_text, rows_text, scale_of, share_text
from tunewright.runs.evaluation import Column, Comparison, Evaluation, JudgedPairs, Verdict

TUNED = ("tuned", "tuned_retrieval")
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
    subject, base = main_column(evaluation), evaluation.first("base")
    if subject is None or evaluation.headline not in subject.scores:
        return f"Nothing can be said: no column has a score by {evaluation.headline}."
    found = evaluation.comparison(subject.name, base.name, evaluation.headline) if base else None
    scale = scale_of(evaluation, evaluation.headline)
    if base is None or found is None:
        return _alone(subject, evaluation.headline, scale)
    return comparison_sentence(found, subject, base, scale)


def rival_sentence(evaluation: Evaluation) -> str:
    """Return how the tuned column stands against the best one that needs no training; empty without a comparison.

    Empty too where that one is the base, which the headline is about.
    """
    subject = main_column(evaluation)
    if subject is None or subject.kind not in TUNED:
        return ""
    best = next(iter(_by_score(evaluation, [c for c in evaluation.columns if c.kind not in TUNED])), None)
    if best is None or best.kind == "base":
        return ""
    found = evaluation.comparison(subject.name, best.name, evaluation.headline)
    if found is None:
        return ""
    return comparison_sentence(found, subject, best, scale_of(evaluation, evaluation.headline))


def judged_sentence(found: JudgedPairs) -> str:
    """Return what a judge prefers of two columns, with its win rate; nothing is preferred if that may be a half."""
    num_pairs = found.wins + found.losses + found.ties
    a, b = noun(found.column), noun(found.against)
    if found.win_rate is None or not num_pairs:
        return (
            f"The judge “{found.judge}” gave no verdict on {a} and {b}: {rows_text(found.num_failed, 'pair')} failed."
        )
    rate = share_text(found.win_rate)
    if found.low is not None and found.high is not None:
        interval = Scale(found.judge, in_percent=True).interval(found.low, found.high)
        rate += f" (95 % interval {interval})"
    counts = f"{found.wins:,} won, {found.losses:,} lost, {found.ties:,} tied"
    text = f"{_preference(found, a, b)}: {a} wins {rate} of {rows_text(num_pairs, 'pair')}, {counts}"
    if found.consistent is not None:
        text += f"; both orders agree on {share_text(found.consistent)} of them"
    left_out = f" {rows_text(found.num_failed, 'pair')} got no verdict." if found.num_failed else ""
    return f"{text}.{left_out}"


def main_column(evaluation: Evaluation) -> Column | None:
    """Return the column that the verdict is about: the first tuned one, else the best of those that are not the base.

    Of several tuned columns the first, not the best: to pick on the test set would be to choose by it.
    """
    tuned = evaluation.first("tuned") or evaluation.first("tuned_retrieval")
    if tuned is not None:
        return tuned
    base = evaluation.first("base")
    others = [column for column in evaluation.columns if column is not base]
    return next(iter(_by_score(evaluation, others)), base)


def comparison_sentence(found: Comparison, a: Column, b: Column, scale: Scale) -> str:
    """Return one comparison, of `a` against `b`, in one sentence."""
    opening = _OPENINGS[found.verdict].format(a=noun(a.name), b=noun(b.name))
    scores = [column.scores.get(found.grader) for column in (b, a)]
    values = " → ".join(scale.value(score.mean) if score else "not scored" for score in scores)
    difference = scale.difference(found.difference, found.low, found.high)
    rows = rows_text(found.num_rows)
    if found.num_groups < found.num_rows:
        rows += f" in {rows_text(found.num_groups, 'group')}"
    text = f"{opening}: {found.grader} {values}, {difference}, {p_text(found.p_holm)}, on {rows}"
    return _capital(text + _detectable(found, scale)) + "." + _left_out(a, found.grader)


def noun(name: str) -> str:
    """Return what a column is called in a sentence: `the tuned model`, or its name in quotes."""
    return f"the {name} model" if name in {"base", "tuned"} else f"“{name}”"


def _preference(found: JudgedPairs, a: str, b: str) -> str:
    judge = f"The judge “{found.judge}”"
    if found.low is not None and found.low > 0.5:
        return f"{judge} prefers {a} to {b}"
    if found.high is not None and found.high < 0.5:
        return f"{judge} prefers {b} to {a}"
    return f"{judge} shows no preference between {a} and {b}"


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
    text = f"{noun(column.name)} scores {value} on {rows_text(score.num_rows)}; it was not compared with its base"
    return _capital(text) + "." + _left_out(column, grader)


def _left_out(column: Column, grader: str) -> str:
    score = column.scores.get(grader)
    if score is None or not score.num_failed:
        return ""
    were = "was" if score.num_failed == 1 else "were"
    return f" {rows_text(score.num_failed, 'answer')} could not be judged and {were} left out."


def _ungraded(evaluation: Evaluation) -> str:
    subject, base = main_column(evaluation), evaluation.first("base")
    if subject is None or subject.loss is None:
        return "Nothing was graded, so nothing can be said about whether it helped."
    before = f"{base.loss:.3f} → " if base is not None and base is not subject and base.loss is not None else ""
    rows = rows_text(subject.losses["test"].num_rows, "held-out row")
    return f"No answer was graded; the loss is {before}{subject.loss:.3f} nats a token on {rows}."


def _by_score(evaluation: Evaluation, columns: Iterable[Column]) -> list[Column]:
    """Return the columns, best first; those without a score come last."""
    grader = evaluation.headline
    return sorted(columns, key=lambda c: -c.scores[grader].mean if grader in c.scores else float("inf"))


def _capital(text: str) -> str:
    """Return the sentence with a capital, where it opens with a word of ours and not with somebody's name."""
    return text[:1].upper() + text[1:]
