"""What else should one know beside the decision? Budget, tokens, money, latency, what went wrong: a sentence each.

Each remark looks at a case and its decision and may have nothing to say. None of them changes the decision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tunewright.evaluate.advice.break_even import break_even
from tunewright.evaluate.advice.case import TUNED, Case, Decision
from tunewright.evaluate.advice.facts import Facts, quoted
from tunewright.evaluate.advice.wording import difference_clause, evidence_clause, score_clause
from tunewright.runs.evaluation import Column, Sentence, Signal

Result = TypeVar("Result")
Remark = Callable[[Case, Decision], list[Sentence]]

_SAME_TOKENS = 0.05
"""Means of tokens that differ by no more are the same."""
_OPENINGS = {"forgetting": "The tuned model has lost some of what it was not taught"}


def few_rows_are_contaminated(case: Case, decision: Decision) -> list[Sentence]:
    """Some test rows repeat training rows, too few to move a score by what matters."""
    if decision.code == "mend_data" or not case.evaluation.test.contaminated:
        return []
    facts = case.facts()
    count, rows = facts.number("test", "contaminated", "count"), facts.number("test", "rows", "count")
    limit = f"the {facts.points('given', 'smallest_that_matters')} points that matter"
    text = f"Test rows that nearly repeat a training row: {count} of {rows}, too few to move a score by {limit}."
    return [facts.sentence(text)]


def over_budget(case: Case, decision: Decision) -> list[Sentence]:
    """Columns that cost more than the budget were not considered."""
    sentences: list[Sentence] = []
    for column in case.set_aside:
        facts = case.facts()
        cost = facts.money("derived", "first_thousand", column.name)
        limit = facts.money("given", "budget_dollars")
        why = "training and a thousand requests" if column.kind in TUNED else "a thousand requests"
        ending = "nothing does, so it is considered all the same" if column in case.columns else "it is set aside"
        text = f"{quoted(column.name)} does not fit the budget of {limit} ({why} cost {cost}): {ending}."
        sentences.append(facts.sentence(text))
    return sentences


def tokens_of_a_request(case: Case, decision: Decision) -> list[Sentence]:
    """Prompt and answer tokens of what was decided about, where they are not told with the money."""
    pair = _with_and_without(decision)
    if pair is not None and all(_has(case.facts(), column, "prompt_tokens") for column in pair):
        return []
    facts, parts = case.facts(), []
    for column in _both(decision):
        if _has(facts, column, "prompt_tokens", "completion_tokens"):
            prompt, answer = (_usage(facts.number, column, key) for key in ("prompt_tokens", "completion_tokens"))
            parts.append(f"to {quoted(column.name)}, {prompt} of prompt and {answer} of answer")
    return [facts.sentence(f"Tokens of a request: {'; '.join(parts)}.")] if parts else []


def money(case: Case, decision: Decision) -> list[Sentence]:
    """The break-even of tuning where a tuned model was held against doing without; else what a request costs."""
    pair = _with_and_without(decision)
    if pair is not None and _take_the_same(*pair):
        return [_same_cost(case.facts(), *pair)]
    if pair is not None:
        return [_break_even(case.facts(), *pair)]
    return [_dollars(case.facts(), column) for column in _both(decision)]


def remote_beside(case: Case, decision: Decision) -> list[Sentence]:
    """The best model of somebody else's, where another way is recommended."""
    if decision.column is None or not case.remote or case.remote[0] in _both(decision):
        return []
    facts, remote = case.facts(), case.remote[0]
    duel = case.duel(remote, decision.column)
    text = score_clause(facts, case, remote)
    if duel is not None:
        text += f", {difference_clause(facts, duel)} {quoted(decision.column.name)}: {evidence_clause(facts, duel)}"
    return [facts.sentence(text + "."), _dollars(case.facts(), remote)]


def latency(case: Case, decision: Decision) -> list[Sentence]:
    """How long one waits for the recommended column and what it was held against."""
    facts, parts = case.facts(), []
    for column in _both(decision):
        if _has(facts, column, "latency_p50", "latency_p95"):
            half, most = (_usage(facts.seconds, column, key) for key in ("latency_p50", "latency_p95"))
            parts.append(f"{quoted(column.name)}, half within {half} and nineteen of twenty within {most}")
    return [facts.sentence(f"Requests are answered by {'; '.join(parts)}.")] if parts else []


def tuned_is_worse_than_base(case: Case, decision: Decision) -> list[Sentence]:
    """Tuning did harm; said where the decision has not said it already."""
    base = next((column for column in case.untrained if column.kind == "base"), None)
    duel = case.duel(case.tuned[0], base) if case.tuned and base is not None else None
    if duel is None or base is None or duel.verdict != "worse" or decision.column in (base, None):
        return []
    facts = case.facts()
    text = f"Tuning did harm: {score_clause(facts, case, case.tuned[0])}, {difference_clause(facts, duel)} "
    return [facts.sentence(f"{text}{quoted(base.name)}; {evidence_clause(facts, duel)}.")]


def bad_signals(case: Case, decision: Decision) -> list[Sentence]:
    """Overfitting and forgetting, where a tuned model is recommended."""
    if decision.code != "fine_tune":
        return []
    signals = {signal.name: signal for signal in reversed(case.evaluation.signals) if signal.is_bad}
    return [_signal(case.facts(), signal) for signal in reversed(signals.values())]


def not_all_was_measured(case: Case, decision: Decision) -> list[Sentence]:
    """Answers without a score and prompts cut short, of the recommended column."""
    column = decision.column
    if column is None:
        return []
    facts, parts = case.facts(), []
    if column.scores[case.grader].num_failed:
        count = facts.number("columns", column.name, "scores", case.grader, "num_failed")
        parts.append(f"answers that could not be graded and are not in the score: {count}")
    if column.num_shortened:
        count = facts.number("columns", column.name, "num_shortened")
        parts.append(f"prompts that were shortened to fit the context: {count}")
    return [facts.sentence(f"Of {quoted(column.name)}, {'; '.join(parts)}.")] if parts else []


PREFACE: tuple[Remark, ...] = (few_rows_are_contaminated, over_budget)
"""Said before the decision, because they change how it reads."""

REMARKS: tuple[Remark, ...] = (
    tuned_is_worse_than_base,
    money,
    tokens_of_a_request,
    remote_beside,
    latency,
    bad_signals,
    not_all_was_measured,
)
"""Said after the decision, in this order."""


def _both(decision: Decision) -> list[Column]:
    return [column for column in (decision.column, decision.other) if column is not None]


def _with_and_without(decision: Decision) -> tuple[Column, Column] | None:
    """Return the tuned column and the untrained one that it was held against, if that is what was decided about."""
    tuned = next((column for column in _both(decision) if column.kind in TUNED), None)
    other = next((column for column in _both(decision) if column.kind not in (*TUNED, "remote")), None)
    return (tuned, other) if tuned is not None and other is not None else None


def _has(facts: Facts, column: Column, *keys: str) -> bool:
    return column.usage is not None and all(_usage(facts.peek, column, key) is not None for key in keys)


def _usage(read: Callable[..., Result], column: Column, key: str) -> Result:
    return read("columns", column.name, "usage", key)


def _break_even(facts: Facts, tuned: Column, other: Column) -> Sentence:
    training = facts.rest_on("columns", tuned.name, "training_dollars")
    dollars, tokens = ([_known(facts, c, key) for c in (tuned, other)] for key in ("dollars_per_1000", "prompt_tokens"))
    facts.rest_on("derived", "break_even", tuned.name, other.name)
    said = break_even(training, *dollars, tuned_tokens=tokens[0], other_tokens=tokens[1]).sentence
    return facts.sentence(f"{quoted(tuned.name)} against {quoted(other.name)}: {said[0].lower()}{said[1:]}")


def _take_the_same(tuned: Column, other: Column) -> bool:
    """Whether a request takes as many tokens with as without, so that what its time differs by is the clock's."""
    if tuned.usage is None or other.usage is None:
        return False
    pairs = [(each.usage.prompt_tokens, each.usage.completion_tokens) for each in (tuned, other) if each.usage]
    return all(abs(x - y) <= _SAME_TOKENS * max(x, y) for x, y in zip(*pairs, strict=True))


def _same_cost(facts: Facts, tuned: Column, other: Column) -> Sentence:
    tokens = [_usage(facts.number, column, "prompt_tokens") for column in (tuned, other)]
    text = f"{quoted(tuned.name)} against {quoted(other.name)}: a request reads and writes as many tokens "
    text += f"({tokens[0]} and {tokens[1]} read), so cheaper requests do not earn the training back."
    return facts.sentence(text)


def _known(facts: Facts, column: Column, key: str) -> float | None:
    return _usage(facts.rest_on, column, key) if column.usage is not None else None


def _dollars(facts: Facts, column: Column) -> Sentence:
    name = quoted(column.name)
    if _has(facts, column, "dollars_per_1000"):
        return facts.sentence(f"A thousand requests to {name} cost {_usage(facts.money, column, 'dollars_per_1000')}.")
    reason = column.usage.price if column.usage is not None and column.usage.price else "it was not measured"
    return facts.sentence(f"What a request to {name} costs is not known: {quoted(reason)}.")


def _signal(facts: Facts, signal: Signal) -> Sentence:
    opening = _OPENINGS.get(signal.name, "Beware")
    place = ("signals", signal.name)
    value = facts.number(*place, "value") if facts.peek(*place, "value") is not None else "not measured"
    text = f"{opening}: {quoted(signal.name)} is {value}"
    if facts.peek(*place, "low") is not None and facts.peek(*place, "high") is not None:
        text += f" (between {facts.number(*place, 'low')} and {facts.number(*place, 'high')})"
    text += f" on {facts.number(*place, 'num_rows')} rows, bad by the rule {quoted(signal.rule)}"
    return facts.sentence(text + ".")
