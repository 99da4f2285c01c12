"""Should I fine-tune? The rules in their order; the first that has an answer decides, and remarks are added to it.

A column without training wins ties: a tuned model has to earn its keep. `no difference shown` counts only where the set
could have shown one. Every sentence rests on numbers of the evaluation. Does not measure, and never asks a model.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tunewright.errors import Fault, RecipeError
from tunewright.evaluate.advice.case import TUNED, Case, Decision, Recommendation, make_case
from tunewright.evaluate.advice.costs import priced
from tunewright.evaluate.advice.facts import Facts, quoted
from tunewright.evaluate.advice.prices import Prices
from tunewright.evaluate.advice.remarks import PREFACE, REMARKS
from tunewright.evaluate.advice.wording import (
    counted,
    difference_clause,
    duel_rows_clause,
    evidence_clause,
    intervals_clause,
    rows_clause,
    score_clause,
)
from tunewright.runs.evaluation import Column, ColumnKind, Evaluation, Sentence

_CODES: dict[ColumnKind, Recommendation] = {
    "base": "base_is_enough",
    "prompt": "prompt",
    "few_shot": "few_shot",
    "retrieval": "retrieval",
    "tuned": "fine_tune",
    "tuned_retrieval": "fine_tune",
    "remote": "use_remote",
}


def advise(
    evaluation: Evaluation,
    *,
    prices: Prices,
    smallest_that_matters: float = 0.05,
    budget_dollars: float | None = None,
) -> tuple[list[Sentence], Recommendation]:
    """Return the recommendation in sentences, and its code.

    Numbers in `because` stand in `priced(evaluation, prices)`; `value_at` finds them there.

    Args:
        evaluation: what was measured; costs that are missing are filled in from `prices`.
        prices: of machines and services.
        smallest_that_matters: smallest difference of the headline score that is worth anything, 0 to 1.
        budget_dollars: most that training and the first thousand requests may cost together.

    Raises:
        RecipeError: if a setting is outside its range.
    """
    _check(smallest_that_matters, budget_dollars)
    case = make_case(priced(evaluation, prices), smallest_that_matters, budget_dollars)
    decision = next(found for rule in RULES if (found := rule(case)) is not None)
    before = [sentence for preface in PREFACE for sentence in preface(case, decision)]
    after = [sentence for remark in REMARKS for sentence in remark(case, decision)]
    return [*before, *decision.sentences, *after], decision.code


def contaminated_test_set(case: Case) -> Decision | None:
    """So many test rows repeat training rows that they alone could move a score by what matters."""
    test = case.evaluation.test
    if not test.contaminated or len(test.contaminated) < case.smallest * len(test.rows):
        return None
    facts = case.facts()
    rows = counted(facts, "test row", "test", "rows", "count")
    counts = f"{facts.number('test', 'contaminated', 'count')} of {rows}"
    limit = f"{facts.points('given', 'smallest_that_matters')} points or more"
    text = f"Mend the data first: {counts} repeat a training row or nearly so, which alone can move a score by {limit}."
    return Decision("mend_data", (facts.sentence(text),))


def nothing_was_graded(case: Case) -> Decision | None:
    """No column has a headline score: there is nothing to reason from."""
    if case.columns:
        return None
    facts = case.facts()
    rows = counted(facts, "test row", "test", "rows", "count")
    if not case.evaluation.test.rows:
        return Decision("collect_more_rows", (facts.sentence(f"Nothing can be advised: there are {rows}."),))
    grader = f" by {quoted(case.grader)}" if case.grader else ""
    text = f"Mend the data first: no answer to the {rows} has a score{grader}. References may be missing."
    return Decision("mend_data", (facts.sentence(text),))


def remote_is_better(case: Case) -> Decision | None:
    """A model of somebody else's is shown to be worth more than each that runs here, and so than the best of them."""
    here = tuple(column for column in case.columns if column.kind != "remote")
    if not case.remote:
        return None
    remote, facts = case.remote[0], case.facts()
    if not here:
        text = f"{score_clause(facts, case, remote)} {rows_clause(facts, case, remote)}; nothing else was scored."
        return Decision("use_remote", (facts.sentence(text),), remote)
    if not case.beats_all(remote, here):
        return None
    lead = f"{_lead(facts, case, remote, here[0], 'which scores')}, the best that runs here"
    text = f"Use {lead}{_evidence(facts, case, remote, here[0])}."
    return Decision("use_remote", (facts.sentence(text),), remote, here[0])


def nothing_was_tuned(case: Case) -> Decision | None:
    """No tuned model was scored: the plainest good way without training, and the question stays open."""
    if case.tuned:
        return None
    chosen = case.plainest(case.untrained)
    base = next((column for column in case.untrained if column.kind == "base"), chosen)
    standing = "not_compared" if chosen is base else case.is_worth_more(chosen, base)
    if standing == "unclear":
        return _undecided(case, chosen, base)
    chosen, other = (base, chosen) if standing == "no" else (chosen, base)
    facts = case.facts()
    is_too_dear = any(column.kind in TUNED for column in case.set_aside)
    why = "fits the budget" if is_too_dear else "was scored: what it would add is open"
    if chosen is other or case.duel(chosen, other) is None:
        text = f"{score_clause(facts, case, chosen)} by {quoted(case.grader)} {rows_clause(facts, case, chosen)}"
    else:
        text = f"{_lead(facts, case, chosen, other)}{_evidence(facts, case, chosen, other)}"
        text += "" if standing == "yes" else _why_not(facts, case, chosen, other)
    text = f"Without training, {text}. No tuned model {why}."
    return Decision(_CODES[chosen.kind], (facts.sentence(text),), chosen, None if chosen is other else other)


def untrained_is_as_good(case: Case) -> Decision | None:
    """A way without training is as good as the best tuned model or better, on a set that could have shown otherwise."""
    tuned = case.tuned[0]
    good = tuple(column for column in case.untrained if case.is_worth_more(tuned, column) == "no")
    if not good:
        return None
    chosen = case.plainest(good)
    facts = case.facts()
    text = f"Do not fine-tune: use {_lead(facts, case, chosen, tuned, 'which scores')}"
    text += f"{_evidence(facts, case, chosen, tuned)}{_why_not(facts, case, chosen, tuned)}."
    return Decision(_CODES[chosen.kind], (facts.sentence(text),), chosen, tuned)


def tuned_is_better(case: Case) -> Decision | None:
    """The best tuned model is shown to be worth more than each way without training.

    Which way is the best is read off the test set, and a rival that is picked by its score looks better than it is.
    That costs nothing here: the tuned model must beat each of them, and so the truly best one, whichever that is (an
    intersection-union test: Berger 1982, Technometrics 24), each by a p-value that Holm corrected over all pairs, so
    that the pick of the tuned model is paid for too. Pairs without a test must have intervals that do not touch.
    """
    if not case.untrained:
        return None
    tuned, best = case.tuned[0], case.untrained[0]
    if not case.beats_all(tuned, case.untrained):
        return None
    plain = next((column for column in case.tuned if column.kind == "tuned"), tuned)
    can_do_without = plain is not tuned and case.is_worth_more(tuned, plain) == "no"
    chosen = plain if can_do_without and case.beats_all(plain, case.untrained) else tuned
    how = " and give it passages" if chosen.kind == "tuned_retrieval" else ""
    facts = case.facts()
    has_rivals = any(column.kind != "base" for column in case.untrained)
    lead = _lead(facts, case, chosen, best) + (", the best way without training" if has_rivals else "")
    opening = f"Fine-tune{how}" if has_rivals else "Tuning helped"
    sentences = [facts.sentence(f"{opening}: {lead}{_evidence(facts, case, chosen, best)}.")]
    if not has_rivals:
        text = "Whether a prompt, examples or passages do as well was not tried: tunewright eval RUN --baselines."
        sentences.append(case.facts().sentence(text))
    if chosen is not tuned:
        facts = case.facts()
        extra = f"Passages add nothing that matters to the tuned model: with them, {score_clause(facts, case, tuned)}."
        sentences.append(facts.sentence(extra))
    return Decision("fine_tune", tuple(sentences), chosen, best)


def nothing_is_shown(case: Case) -> Decision | None:
    """None of the above: the rows do not tell tuning from doing without. Always has an answer."""
    tuned = case.tuned[0]
    if not case.untrained:
        facts = case.facts()
        text = f"{score_clause(facts, case, tuned)} {rows_clause(facts, case, tuned)}, "
        text += "and nothing was scored without training: whether tuning helped needs the base on the same rows."
        return Decision("collect_more_rows", (facts.sentence(text),), tuned)
    doubtful = next(column for column in case.untrained if case.is_worth_more(tuned, column) != "yes")
    return _undecided(case, tuned, doubtful)


RULES: tuple[Callable[[Case], Decision | None], ...] = (
    contaminated_test_set,
    nothing_was_graded,
    remote_is_better,
    nothing_was_tuned,
    untrained_is_as_good,
    tuned_is_better,
    nothing_is_shown,
)
"""In this order; the last one always decides."""


def _check(smallest: float, budget: float | None) -> None:
    faults: list[Fault] = []
    if not 0 < smallest < 1:
        faults.append(Fault("smallest_that_matters", "must be above 0 and below 1", repr(smallest), "0.05 is 5 points"))
    if budget is not None and not (math.isfinite(budget) and budget >= 0):
        faults.append(Fault("budget_dollars", "must be 0 or more", repr(budget), "leave it out for no limit"))
    if faults:
        raise RecipeError("advice was asked for with settings out of range", faults=tuple(faults))


def _lead(facts: Facts, case: Case, column: Column, other: Column, verb: str = "scores") -> str:
    """Return `"tuned" scores 81 % by "contains", 43.0 points above "base" (38 %)`."""
    duel = case.duel(column, other)
    text = f"{score_clause(facts, case, column, verb)} by {quoted(case.grader)}, "
    text += f"{difference_clause(facts, duel)} " if duel else "against "
    score = facts.score(case.grader, "columns", other.name, "scores", case.grader, "mean")
    return f"{text}{quoted(other.name)} ({score})"


def _why_not(facts: Facts, case: Case, chosen: Column, other: Column) -> str:
    """Return what speaks against `other`, which needs more, where `chosen` is not plainly better."""
    duel = case.duel(chosen, other)
    is_ahead = case.mean(chosen) >= case.mean(other) if duel is None else duel.verdict == "better"
    if is_ahead:
        return ""
    matters = facts.points("given", "smallest_that_matters")
    if duel is None or -duel.low < case.smallest:
        return f"; if {quoted(other.name)} is better at all, then by less than the {matters} points that matter"
    detectable = facts.points(*duel.place, "detectable")
    return f"; a true difference of {detectable} points would most likely have shown, and {matters} are what matters"


def _evidence(facts: Facts, case: Case, column: Column, other: Column) -> str:
    duel = case.duel(column, other)
    if duel is not None:
        return f"; {evidence_clause(facts, duel)}"
    return f"; {intervals_clause(facts, case, column, other)} and do not touch, {rows_clause(facts, case, column)}"


def _undecided(case: Case, column: Column, other: Column) -> Decision:
    facts, duel = case.facts(), case.duel(column, other)
    text = f"{score_clause(facts, case, column)} and {score_clause(facts, case, other)}"
    if duel is None:
        text += f"; no paired test compares them and {intervals_clause(facts, case, column, other)}"
        text = f"Collect more test rows: {text}"
        return Decision("collect_more_rows", (facts.sentence(text + "."),), column, other)
    text = f"Collect more test rows: {text}, and {duel_rows_clause(facts, duel)} cannot tell them apart"
    if facts.peek(*duel.place, "detectable") is not None:
        text += (
            f"; the smallest difference that would most likely show is {facts.points(*duel.place, 'detectable')} points"
        )
    needed = ("derived", "rows_needed", *duel.place[1:])
    if facts.peek(*needed) is not None:
        matters = facts.points("given", "smallest_that_matters")
        text += f", and {facts.about(*needed)} rows would be needed for {matters} points"
    return Decision("collect_more_rows", (facts.sentence(text + "."),), column, other)
