"""Runs side by side: which of them answered the same rows, and in which settings they differ.

Only columns scored on the same rows, by place and reference, stand in one table; scores of other rows are shown apart
and said to be so. Of each run its main column is held against that of the first run. Does not know how a table looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunewright.evaluate.page.figures import NONE, number_text, scale_of
from tunewright.evaluate.page.verdict import comparison_sentence, main_column
from tunewright.evaluate.statistics.paired import compare_columns, holm
from tunewright.runs.evaluation import Column, Comparison, Evaluation


@dataclass(frozen=True, slots=True)
class Compared:
    """One run: its evaluation and the tree of its settings; `note` is how it stands, told if it has no evaluation."""

    name: str
    evaluation: Evaluation | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class SameRows:
    """The runs that answered the same rows, as one evaluation whose columns are called `run · column`."""

    runs: tuple[str, ...]
    evaluation: Evaluation
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Everything that a comparison of runs says."""

    verdict: str
    remarks: tuple[str, ...]
    """What else was found, and which runs stand apart and why."""
    families: tuple[SameRows, ...]
    unevaluated: tuple[tuple[str, str], ...]
    """Runs without an evaluation: (name, how the run stands)."""
    runs: tuple[str, ...]
    differing: tuple[tuple[str, tuple[str, ...]], ...]
    """Settings that are not the same in all runs: (name, value in each run)."""


def compare_runs(runs: Sequence[Compared]) -> RunComparison:
    """Return the comparison: runs of the same rows together, each tested against the first of them."""
    groups: dict[object, list[Compared]] = {}
    for run in runs:
        if run.evaluation is not None:
            groups.setdefault(_test_key(run.evaluation), []).append(run)
    families = tuple(_same_rows(members) for members in groups.values())
    unevaluated = tuple((run.name, run.note) for run in runs if run.evaluation is None)
    differing = differing_settings([run.settings for run in runs])
    verdict, *remarks = _told(families, unevaluated)
    return RunComparison(verdict, tuple(remarks), families, unevaluated, tuple(r.name for r in runs), differing)


def differing_settings(settings: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the settings that not all trees share, as (`a.b.c`, value in each); one that a tree lacks is a dash.

    An empty tree is a run whose settings are not known: it differs in nothing.
    """
    flat = [flat_settings(tree) for tree in settings]
    known = [tree for tree in flat if tree]
    # Where a run lies differs always, and tells nothing.
    names = dict.fromkeys(name for tree in known for name in tree if name != "output")
    return tuple(
        (name, tuple(tree.get(name, NONE) for tree in flat))
        for name in names
        if len({tree.get(name, NONE) for tree in known}) > 1
    )


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence has them: `a, b and c`."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def flat_settings(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return a tree of settings as `a.b.c` → text, in its own order."""
    flat: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            flat |= flat_settings(value, f"{prefix}{key}.")
        elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            flat |= flat_settings({str(number): item for number, item in enumerate(value)}, f"{prefix}{key}.")
        elif isinstance(value, list):
            flat[f"{prefix}{key}"] = ", ".join(map(str, value))
        else:
            flat[f"{prefix}{key}"] = "" if value is None else str(value)
    return flat


def _test_key(evaluation: Evaluation) -> object:
    test = evaluation.test
    if test.rows:
        return tuple((row.where, row.reference) for row in test.rows)
    # Plain texts: no row was asked, so all that is known of them is where they came from and how many there were.
    return (tuple(test.files), test.num_available, test.chosen)


def _same_rows(members: Sequence[Compared]) -> SameRows:
    columns: list[Column] = []
    mains: list[str] = []
    headline = ""
    for run in members:
        if run.evaluation is None:
            continue
        headline = headline or run.evaluation.headline
        main = main_column(run.evaluation)
        for column in run.evaluation.columns:
            renamed = column.model_copy(update={"name": f"{run.name} · {column.name}"})
            if _is_repeated(renamed, columns):
                continue
            columns.append(renamed)
            if column is main:
                mains.append(renamed.name)
    first = next(run.evaluation for run in members if run.evaluation is not None)
    merged = Evaluation(headline=headline, test=first.test, columns=columns, seeds=first.seeds)
    pairs = [(name, mains[0]) for name in mains[1:] if _num_shared(merged, name, mains[0])]
    found = _tested(merged, pairs)
    merged = merged.model_copy(update={"comparisons": found})
    scale = scale_of(merged, headline)
    sentences = [comparison_sentence(c, merged.column(c.column), merged.column(c.against), scale) for c in found]
    return SameRows(tuple(run.name for run in members), merged, tuple(sentences))


def _is_repeated(column: Column, earlier: Sequence[Column]) -> bool:
    """Return whether an untuned column with the same answers is there already: the runs share it."""
    if column.kind.startswith("tuned"):
        return False
    given = [answer.text for answer in column.answers]
    return any(
        other.kind == column.kind
        and (other.model, other.settings, other.scores) == (column.model, column.settings, column.scores)
        and other.loss == column.loss
        and [answer.text for answer in other.answers] == given
        for other in earlier
    )


def _tested(evaluation: Evaluation, pairs: Sequence[tuple[str, str]]) -> list[Comparison]:
    groups = [row.group for row in evaluation.test.rows]
    compared = [
        compare_columns(
            name,
            against,
            evaluation.headline,
            _row_scores(evaluation, name),
            _row_scores(evaluation, against),
            groups=groups,
        )
        for name, against in pairs
    ]
    return holm(compared)


def _num_shared(evaluation: Evaluation, name: str, against: str) -> int:
    """Return the rows that both columns have a score for; without one there is nothing to test."""
    one, other = _row_scores(evaluation, name), _row_scores(evaluation, against)
    if len(one) != len(other):
        return 0
    return sum(a is not None and b is not None for a, b in zip(one, other, strict=True))


def _row_scores(evaluation: Evaluation, name: str) -> list[float | None]:
    return [answer.scores.get(evaluation.headline) for answer in evaluation.column(name).answers]


def _told(families: Sequence[SameRows], unevaluated: Sequence[tuple[str, str]]) -> list[str]:
    """Return what was found between runs of the same rows, or why nothing can be, and which runs stand apart."""
    if not families:
        return ["None of these runs is evaluated, so there is nothing to compare."]
    told = [sentence for family in families for sentence in family.sentences]
    untested = [family for family in families if len(family.runs) > 1 and not family.sentences]
    told += [_untested(family) for family in untested]
    if len(families) > 1:
        sets = "; ".join(f"{listed(family.runs)}: {family.evaluation.test.chosen}" for family in families)
        told.append(f"Scores of different test sets cannot be held against each other ({sets}).")
    elif not told:
        told.append(f"There is nothing to hold {families[0].runs[0]} against.")
    if unevaluated:
        told.append(f"Not evaluated: {listed([name for name, _ in unevaluated])}.")
    return told


def _untested(family: SameRows) -> str:
    """Return why runs of the same rows were not tested against each other, with their losses if that is all."""
    columns = family.evaluation.columns
    if any(column.scores for column in columns):
        return f"{listed(family.runs)} answered the same rows, but no grader judged both on one row."
    losses = "; ".join(f"{c.name} {number_text(c.loss, 3)}" for c in columns if c.loss is not None)
    losses = f" (nats a token: {losses})" if losses else ""
    return f"{listed(family.runs)} were not graded, and of losses no test is made{losses}."
