"""Figures for people: scores with their interval, differences, probabilities, sizes, money.

One place, so that the page, the Markdown and the terminal round alike. A figure is never rounded to nothing or to all
unless it is that. Does not know where a figure stands.
"""

from __future__ import annotations

from dataclasses import dataclass

from tunewright.evaluate.advice.figures import money_text
from tunewright.runs.evaluation import Evaluation, Score
from tunewright.runs.summary import score_text

NONE = "–"
"""What stands where nothing was measured."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How the scores of one grader are written: in percent, or as they are."""

    name: str
    in_percent: bool

    def value(self, score: float) -> str:
        """Return a score: `81 %`, or `3.42` where the grader has a scale of its own."""
        return score_text(self.name, min(max(score, 0.0), 1.0)) if self.in_percent else _plain(score)

    def interval(self, low: float, high: float) -> str:
        """Return an interval of scores: `74–86 %`."""
        first = self.value(low)
        return f"{first.removesuffix(' %')}–{self.value(high)}"

    def score(self, score: Score | None) -> str:
        """Return a score with its interval: `81 % (74–86 %)`."""
        return NONE if score is None else f"{self.value(score.mean)} ({self.interval(score.low, score.high)})"

    def difference(self, value: float, low: float, high: float) -> str:
        """Return a difference with its interval: `+79 points (95 % interval +72 to +85)`."""
        told, bottom, top = self._signed(value, low, high)
        unit = " points" if self.in_percent else ""
        return f"{told}{unit} (95 % interval {bottom} to {top})"

    def short_difference(self, value: float, low: float, high: float) -> str:
        """Return the same for a table: `+79 (+72 to +85)`."""
        told, bottom, top = self._signed(value, low, high)
        return f"{told} ({bottom} to {top})"

    def size(self, value: float) -> str:
        """Return the size of a difference, without a sign: `5 points`."""
        if not self.in_percent:
            return _plain(value)
        points = 100 * value
        number = f"{points:.0f}" if points >= 10 else f"{points:.2g}"
        return f"{number} point{'' if number == '1' else 's'}"

    def _signed(self, *values: float) -> list[str]:
        factor = 100 if self.in_percent else 1
        scaled = [factor * value for value in values]
        decimals = 0 if abs(scaled[0]) >= 10 else 1 if self.in_percent else 2
        return [signed(value, decimals) for value in scaled]


def scale_of(evaluation: Evaluation, grader: str) -> Scale:
    """Return how a grader's scores are written: in percent if no column's score leaves 0 to 1."""
    scores = [column.scores[grader] for column in evaluation.columns if grader in column.scores]
    shares = all(0 <= score.mean <= 1 and score.low >= -1e-9 and score.high <= 1 + 1e-9 for score in scores)
    return Scale(grader, shares and grader not in {"loss", "perplexity"})


def signed(value: float, decimals: int) -> str:
    """Return a number with its sign, `+1.5` or `−1.5`; what is rounded to nothing has none."""
    text = f"{value:+.{decimals}f}"
    return text[1:] if not text.strip("+-0.") else text.replace("-", "−")


def p_text(p: float) -> str:
    """Return a probability: `p = 0.012`, `p < 0.001`, `p > 0.99`."""
    if p < 0.001:
        return "p < 0.001"
    return "p > 0.99" if p > 0.99 else f"p = {p:.2g}"


def number_text(value: float | int | None, decimals: int = 0) -> str:
    """Return a number with separators, or the sign for nothing."""
    return NONE if value is None else f"{value:,.{decimals}f}"


def share_text(share: float | None) -> str:
    """Return a share in percent, never rounded to none or all unless it is that: `85 %`."""
    return NONE if share is None else Scale("share", in_percent=True).value(share)


def seconds_text(seconds: float | None) -> str:
    """Return the time of one request: `38 ms`, `1.25 s`."""
    if seconds is None:
        return NONE
    if not 0 <= seconds < 1e6:
        return f"{seconds:.2e} s"
    if seconds < 0.1:
        return f"{1000 * seconds:.0f} ms" if seconds >= 0.01 else f"{1000 * seconds:.2g} ms"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"


def bytes_text(size: int | None) -> str:
    """Return a size of memory in units of 1000: `1.24 GB`."""
    if size is None:
        return NONE
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def dollars_text(dollars: float | None) -> str:
    """Return money: `$12.40`, and below a cent with two digits that count: `$0.0037`."""
    if dollars is None:
        return NONE
    return "$0" if dollars == 0 else f"${dollars:,.2f}" if dollars >= 0.1 else money_text(dollars)


def rows_text(count: int, noun: str = "row") -> str:
    """Return a count with its noun: `1 row`, `1,200 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _plain(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
