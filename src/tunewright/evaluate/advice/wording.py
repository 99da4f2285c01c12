"""How is a comparison of two columns said? Clauses with numbers, each taken through `Facts`; no conclusions."""

from __future__ import annotations

from tunewright.evaluate.advice.case import Case, Duel
from tunewright.evaluate.advice.facts import Facts, quoted
from tunewright.runs.evaluation import Column


def counted(facts: Facts, noun: str, *place: str) -> str:
    """Return the number at `place` with its noun, in the plural where there is not one."""
    number = facts.number(*place)
    return f"{number} {noun}" if number == "1" else f"{number} {noun}s"


def score_clause(facts: Facts, case: Case, column: Column, verb: str = "scores") -> str:
    """Return `"tuned" scores 81 %`, or with another verb: `"tuned", which scores 81 %`."""
    comma = "," if verb.startswith("which") else ""
    return f"{quoted(column.name)}{comma} {verb} {facts.score(case.grader, *_score_place(case, column), 'mean')}"


def rows_clause(facts: Facts, case: Case, column: Column) -> str:
    """Return `on 190 rows`: those that have a score."""
    return f"on {counted(facts, 'row', *_score_place(case, column), 'num_rows')}"


def intervals_clause(facts: Facts, case: Case, column: Column, other: Column) -> str:
    """Return the intervals of two columns that no paired test compares."""
    intervals: list[str] = []
    for each in (column, other):
        place = _score_place(case, each)
        intervals.append(f"{facts.score(case.grader, *place, 'low')} to {facts.score(case.grader, *place, 'high')}")
    return f"their intervals are {intervals[0]} and {intervals[1]}"


def difference_clause(facts: Facts, duel: Duel) -> str:
    """Return `43.2 points above`, or `below`, seen from the duel's own side."""
    return f"{facts.points(*duel.place, 'difference')} points {'above' if duel.difference >= 0 else 'below'}"


def evidence_clause(facts: Facts, duel: Duel) -> str:
    """Return interval, corrected p-value and number of rows of a duel."""
    p_value = f"{facts.probability(*duel.place, 'p_holm')} after Holm's correction"
    return f"{_interval(facts, duel)}; {p_value}; {duel_rows_clause(facts, duel)}"


def duel_rows_clause(facts: Facts, duel: Duel) -> str:
    """Return `190 rows`, and in how many groups if rows are not independent."""
    rows = counted(facts, "row", *duel.place, "num_rows")
    if duel.stored.num_groups >= duel.stored.num_rows:
        return rows
    return f"{rows} in {counted(facts, 'group', *duel.place, 'num_groups')}"


def _interval(facts: Facts, duel: Duel) -> str:
    low, high = facts.points(*duel.place, duel.low_key), facts.points(*duel.place, duel.high_key)
    if duel.low >= 0:
        return f"the difference lies between {low} and {high} points"
    if duel.high <= 0:
        return f"the difference lies between {high} and {low} points"
    return f"the difference lies between {low} points less and {high} points more"


def _score_place(case: Case, column: Column) -> tuple[str, ...]:
    return "columns", column.name, "scores", case.grader
