"""What is there to decide? The scored columns by role, and whether one is shown to be worth more than another.

Reads verdicts and intervals as the evaluation has them; does no statistics of its own and knows no recommendation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tunewright.evaluate.advice.facts import Facts, path_of, value_at
from tunewright.runs.evaluation import Column, ColumnKind, Comparison, Evaluation, Sentence, Verdict

PLAINEST_FIRST: tuple[ColumnKind, ...] = (
    "base",
    "prompt",
    "few_shot",
    "retrieval",
    "tuned",
    "tuned_retrieval",
    "remote",
)
"""Fewer parts to keep alive first; a model of somebody else's last."""

TUNED: frozenset[ColumnKind] = frozenset({"tuned", "tuned_retrieval"})

Standing = Literal["yes", "no", "unclear", "not_compared"]
"""Is the one worth more than the other? `yes`: shown, by what may matter; `no`: at most by less than that."""

Recommendation = Literal[
    "fine_tune", "few_shot", "retrieval", "prompt", "base_is_enough", "use_remote", "collect_more_rows", "mend_data"
]

_MIRRORED: dict[Verdict, Verdict] = {"better": "worse", "worse": "better"}


@dataclass(frozen=True, slots=True)
class Duel:
    """A comparison seen from its one side: `difference` is that side minus the other."""

    stored: Comparison
    verdict: Verdict
    difference: float
    low: float
    high: float
    low_key: Literal["low", "high"] = "low"
    """Under which key of the stored comparison `low` is found."""

    @property
    def high_key(self) -> Literal["low", "high"]:
        """Under which key of the stored comparison `high` is found."""
        return "high" if self.low_key == "low" else "low"

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Where the comparison stands in the evaluation."""
        return "comparisons", self.stored.column, self.stored.against, self.stored.grader


@dataclass(frozen=True, slots=True)
class Decision:
    """What is recommended, and why; `column` is None where no column is."""

    code: Recommendation
    sentences: tuple[Sentence, ...]
    column: Column | None = None
    other: Column | None = None
    """What `column` was held against."""


@dataclass(frozen=True)
class Case:
    """An evaluation with costs filled in, and what the user asked for."""

    evaluation: Evaluation
    smallest: float
    budget: float | None
    set_aside: tuple[Column, ...] = ()
    """Scored columns that the budget rules out."""
    columns: tuple[Column, ...] = ()
    """Scored columns that may be recommended, the best first; equals: the plainest first."""

    @property
    def grader(self) -> str:
        """The grader that the verdict is about."""
        return self.evaluation.headline

    @property
    def given(self) -> Mapping[str, float]:
        """What the user asked for, by the names under which sentences rest on it."""
        given = {"smallest_that_matters": self.smallest}
        return given if self.budget is None else {**given, "budget_dollars": self.budget}

    @property
    def tuned(self) -> tuple[Column, ...]:
        """Columns of tuned models, the best first."""
        return tuple(column for column in self.columns if column.kind in TUNED)

    @property
    def untrained(self) -> tuple[Column, ...]:
        """Columns that the base model answers without training, the best first."""
        return tuple(column for column in self.columns if column.kind not in TUNED and column.kind != "remote")

    @property
    def remote(self) -> tuple[Column, ...]:
        """Columns of other people's models, the best first."""
        return tuple(column for column in self.columns if column.kind == "remote")

    def facts(self) -> Facts:
        """Return the writer of one sentence."""
        return Facts(self.evaluation, self.given)

    def mean(self, column: Column) -> float:
        """Return the headline score of a scored column."""
        return column.scores[self.grader].mean

    def duel(self, one: Column, other: Column) -> Duel | None:
        """Return the headline comparison of two columns seen from `one`, or None if there is none."""
        for stored in self.evaluation.comparisons:
            if stored.grader != self.grader or not _is_whole(stored):
                continue
            if (stored.column, stored.against) == (one.name, other.name):
                return Duel(stored, stored.verdict, stored.difference, stored.low, stored.high)
            if (stored.column, stored.against) == (other.name, one.name):
                mirrored = _MIRRORED.get(stored.verdict, stored.verdict)
                return Duel(stored, mirrored, -stored.difference, -stored.high, -stored.low, "high")
        return None

    def is_worth_more(self, one: Column, other: Column) -> Standing:
        """Return whether `one` is shown to score higher than `other` by a difference that may matter.

        `no` takes evidence: the set could have shown the smallest difference that matters and did not, or the
        whole interval lies below it. Without a paired test, only intervals that do not touch count as evidence.
        """
        duel = self.duel(one, other)
        if duel is None:
            return self._by_intervals(one, other)
        if duel.verdict == "too_few_rows":
            return "unclear"
        if duel.verdict == "worse" or duel.high < self.smallest:
            return "no"
        if duel.verdict == "better":
            return "yes"
        detectable = duel.stored.detectable
        return "no" if detectable is not None and detectable <= self.smallest else "unclear"

    def beats_all(self, one: Column, others: tuple[Column, ...]) -> bool:
        """Return whether `one` is shown to be worth more than each of `others`."""
        return all(self.is_worth_more(one, other) == "yes" for other in others)

    def plainest(self, columns: tuple[Column, ...]) -> Column:
        """Return the plainest of `columns` (best first) that is below the best by less than what matters.

        Plainest by kind; of one kind, the one with the shortest prompts.
        """
        near = [column for column in columns if self.mean(columns[0]) - self.mean(column) < self.smallest]
        return min(near or columns[:1], key=lambda column: (PLAINEST_FIRST.index(column.kind), _tokens(column)))

    def _by_intervals(self, one: Column, other: Column) -> Standing:
        score, held_against = one.scores[self.grader], other.scores[self.grader]
        if score.low > held_against.high:
            return "yes" if score.mean - held_against.mean >= self.smallest else "no"
        return "no" if held_against.low > score.high else "not_compared"


def make_case(evaluation: Evaluation, smallest: float, budget: float | None) -> Case:
    """Return the case: columns with a headline score, without those that cost more than the budget.

    The budget is for training and the first thousand requests. A column of unknown cost stays, and so do all if
    not one is affordable.
    """
    scored = [column for column in _by_name(evaluation) if _is_scored(column, evaluation.headline)]
    scored.sort(key=lambda c: (-c.scores[evaluation.headline].mean, PLAINEST_FIRST.index(c.kind)))
    too_dear = tuple(column for column in scored if budget is not None and _first_cost(evaluation, column) > budget)
    affordable = tuple(column for column in scored if column not in too_dear)
    return Case(evaluation, smallest, budget, too_dear, affordable or tuple(scored))


def _by_name(evaluation: Evaluation) -> list[Column]:
    """Return the columns, of equal names the first one only: the others cannot be pointed at."""
    return list({column.name: column for column in reversed(evaluation.columns)}.values())[::-1]


def _is_scored(column: Column, grader: str) -> bool:
    score = column.scores.get(grader)
    if not grader or score is None or score.num_rows < 1:
        return False
    return all(math.isfinite(value) for value in (score.mean, score.low, score.high))


def _is_whole(stored: Comparison) -> bool:
    return all(math.isfinite(value) for value in (stored.difference, stored.low, stored.high, stored.p_holm))


def _first_cost(evaluation: Evaluation, column: Column) -> float:
    cost = value_at(evaluation, path_of("derived", "first_thousand", column.name))
    return -math.inf if cost is None else cost


def _tokens(column: Column) -> float:
    tokens = math.inf if column.usage is None else column.usage.prompt_tokens
    return tokens if math.isfinite(tokens) else math.inf
