"""A gate fails when its condition holds or nobody can tell, and a name that nothing will have is refused early."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.errors import RecipeError
from tunewright.evaluate.signals.gate import COLUMN_NAMES, SIGNAL_NAMES, Gate, check_gates, failed_gates, parse_gate
from tunewright.runs.evaluation import Column, Comparison, Evaluation, Score, Signal
from tunewright.runs.evaluation import TestSet as FrozenRows  # pytest would take TestSet for tests

TEST = {"loss": None, "perplexity": 3.5, "num_rows": 200}


def column(name: str, kind: str, mean: float, **more: object) -> Column:
    score = Score(mean=mean, low=mean - 0.05, high=mean + 0.05, method="wilson", num_rows=200, num_failed=3)
    return Column.model_validate(
        {"name": name, "kind": kind, "model": "starter", "scores": {"exact_match": score.model_dump()}, **more}
    )


def evaluation(*columns: Column, signals: list[Signal] | None = None, is_compared: bool = True) -> Evaluation:
    compared = Comparison(
        column="tuned",
        against="base",
        grader="exact_match",
        difference=0.02,
        low=-0.01,
        high=0.05,
        p_value=0.2,
        p_holm=0.2,
        test="mcnemar",
        num_rows=200,
        num_groups=200,
        verdict="no_difference_shown",
    )
    return Evaluation(
        headline="exact_match",
        test=FrozenRows(rows=[], num_available=0, seed=0, chosen="none", num_groups=0),
        columns=list(columns) or [column("base", "base", 0.6), column("tuned", "tuned", 0.8, losses={"test": TEST})],
        comparisons=[compared] if is_compared else [],
        signals=signals or [],
    )


def forgotten(value: float | None) -> Signal:
    return Signal(
        name="forgetting",
        value=value,
        low=0.05,
        high=0.19,
        num_rows=240,
        is_bad=False,
        rule="base − tuned; bad above 0",
    )


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("forgetting>0.05", Gate("forgetting", ">", 0.05)),
        ("  score  <  80% ", Gate("score", "<", 0.8)),
        ("gap>=-1e-3", Gate("gap", ">=", -0.001)),
        ("my grader<=.5", Gate("my grader", "<=", 0.5)),
    ],
)
def test_a_condition_is_name_operator_number(text: str, gate: Gate) -> None:
    assert parse_gate(text) == gate


@given(
    st.sampled_from([*SIGNAL_NAMES, *COLUMN_NAMES]),
    st.sampled_from([">", ">=", "<", "<="]),
    st.integers(-10_000, 10_000).map(lambda number: number / 1000),
)
def test_a_gate_reads_as_it_is_written(name: str, op: str, value: float) -> None:
    gate = Gate(name, op, value)
    assert parse_gate(str(gate)) == gate


@pytest.mark.parametrize("text", ["", "forgetting", ">0.05", "forgetting=0.05", "a==1", "a>b>1", "a>1<2", "a>"])
def test_what_is_no_condition_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(RecipeError, match="is not a condition") as caught:
        parse_gate(text)
    assert "forgetting>0.05" in caught.value.hint


@pytest.mark.parametrize("text", ["forgetting>much", "forgetting>nan", "forgetting>inf", "score<%"])
def test_a_value_that_is_no_finite_number_is_refused(text: str) -> None:
    with pytest.raises(RecipeError, match="is not a number"):
        parse_gate(text)


def test_unknown_names_are_refused_together_each_with_a_near_miss() -> None:
    gates = [parse_gate(text) for text in ("forgeting>0.05", "exact_macth<0.5", "score<0.5")]
    with pytest.raises(RecipeError) as caught:
        check_gates(gates, ["exact_match"])
    assert [fault.hint for fault in caught.value.faults] == ["did you mean forgetting?", "did you mean exact_match?"]
    assert "forgetting" in caught.value.hint


def test_a_signal_that_this_evaluation_does_not_take_is_unknown_to_it() -> None:
    with pytest.raises(RecipeError, match="1 gate names nothing that is measured") as caught:
        check_gates([parse_gate("forgetting>0")], [], signals=["gap"])
    assert "forgetting" in str(caught.value.faults[0])


def test_every_known_name_passes_the_check() -> None:
    check_gates([Gate(name, ">", 0) for name in (*SIGNAL_NAMES, *COLUMN_NAMES, "judge")], ["judge"])


def test_a_failed_signal_says_its_value_interval_rows_and_rule() -> None:
    [message] = failed_gates([parse_gate("forgetting>0.05")], evaluation(signals=[forgotten(0.12)]))
    for part in ("forgetting is 0.12", "0.05 to 0.19", "240 rows", "forgetting>0.05", "base − tuned"):
        assert part in message


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        ("forgetting>0.12", False),
        ("forgetting>=0.12", True),
        ("forgetting<0.12", False),
        ("forgetting<=0.12", True),
        ("score<0.8", False),
        ("score<0.81", True),
        ("exact_match<81%", True),
        ("difference<0.02", False),
        ("difference<0.03", True),
        ("perplexity>3.5", False),
        ("perplexity>3", True),
    ],
)
def test_the_border_belongs_to_the_operators_that_say_so(text: str, fails: bool) -> None:
    assert bool(failed_gates([parse_gate(text)], evaluation(signals=[forgotten(0.12)]))) is fails


def test_several_gates_fail_each_for_itself_in_their_order() -> None:
    gates = [parse_gate(text) for text in ("score<0.9", "forgetting>0.9", "forgetting>0.01")]
    messages = failed_gates(gates, evaluation(signals=[forgotten(0.12)]))
    assert [message.split()[0] for message in messages] == ["score", "forgetting"]


@pytest.mark.parametrize("text", ["forgetting>9", "forgetting<9", "loss>9", "loss<9", "token_f1<0", "token_f1>9"])
def test_what_was_not_measured_fails_whatever_the_operator(text: str) -> None:
    [message] = failed_gates([parse_gate(text)], evaluation())
    assert "was not measured" in message


def test_a_signal_without_a_value_fails_with_its_reason() -> None:
    signal = Signal(name="gap", value=None, num_rows=0, is_bad=False, rule="not measured: there is no training loss")
    [message] = failed_gates([parse_gate("gap>9")], evaluation(signals=[signal]))
    assert message.endswith("cannot pass: there is no training loss")


def test_a_score_on_an_evaluation_without_a_tuned_column_fails() -> None:
    [message] = failed_gates([parse_gate("score<0")], evaluation(column("base", "base", 0.6)))
    assert "no tuned column" in message


def test_a_difference_that_nobody_took_fails() -> None:
    [message] = failed_gates([parse_gate("difference<-1")], evaluation(is_compared=False))
    assert "not compared with the base" in message


def test_one_of_several_tuned_columns_is_enough_to_fail_unless_one_is_chosen() -> None:
    found = evaluation(column("tuned", "tuned", 0.8), column("tuned, step 10", "tuned", 0.4))
    [message] = failed_gates([parse_gate("score<0.5")], found)
    assert "tuned, step 10" in message
    assert failed_gates([parse_gate("score<0.5")], found, column="tuned") == []


def test_answers_that_could_not_be_judged_are_mentioned() -> None:
    [message] = failed_gates([parse_gate("score<0.9")], evaluation())
    assert "3 answers that could not be judged" in message
