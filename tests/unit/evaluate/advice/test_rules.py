"""The recommendation follows from the numbers, and every number in its sentences stands in the evaluation."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.evaluate.advice.building import (
    GRADER,
    PRICES,
    base,
    column,
    comparison,
    evaluation,
    forgetting,
    passages,
    remote,
    shots,
    tuned,
    tuned_with_passages,
    usage,
)
from tunewright.errors import RecipeError
from tunewright.evaluate.advice.case import PLAINEST_FIRST, Recommendation, make_case
from tunewright.evaluate.advice.costs import priced
from tunewright.evaluate.advice.facts import value_at
from tunewright.evaluate.advice.prices import load_prices
from tunewright.evaluate.advice.rules import RULES, advise
from tunewright.runs.evaluation import Column, Comparison, Evaluation, Row, Score, Sentence, Signal, Usage
from tunewright.runs.evaluation import TestSet as FrozenRows

SHOTS = "4 examples (bm25)"
BETTER_THAN_ALL = [
    comparison("tuned", "base", "better", (0.63, 0.79)),
    comparison("tuned", SHOTS, "better", (0.35, 0.51)),
]
NO_DIFFERENCE = [
    comparison("tuned", "base", "better", (0.63, 0.79)),
    comparison("tuned", SHOTS, "no_difference_shown", (-0.07, 0.06), 0.045),
]

SCENARIOS: dict[str, tuple[Evaluation, str]] = {
    "tuning wins": (evaluation([base(), shots(), tuned()], BETTER_THAN_ALL), "fine_tune"),
    "tuning wins and forgets": (
        evaluation([base(), shots(), tuned()], BETTER_THAN_ALL, signals=[forgetting()]),
        "fine_tune",
    ),
    "few-shot is as good": (evaluation([base(), shots(0.82), tuned()], NO_DIFFERENCE), "few_shot"),
    "tuning is better by less than matters": (
        evaluation([base(), shots(0.8), tuned()], [comparison("tuned", SHOTS, "better", (0.002, 0.03))]),
        "few_shot",
    ),
    "retrieval is better": (
        evaluation([base(), passages(0.95), tuned()], [comparison("3 passages", "tuned", "better", (0.06, 0.22))]),
        "retrieval",
    ),
    "a system prompt is as good as examples and tuning": (
        evaluation(
            [base(), column("brief", "prompt", 0.8, usage(60.0)), shots(0.81), tuned()],
            [
                comparison("tuned", "brief", "no_difference_shown", (-0.03, 0.04)),
                comparison("tuned", SHOTS, "no_difference_shown", (-0.04, 0.04)),
            ],
        ),
        "prompt",
    ),
    "tuning did harm": (
        evaluation([base(0.6), tuned(0.4)], [comparison("tuned", "base", "worse", (-0.3, -0.1))]),
        "base_is_enough",
    ),
    "tuning did harm and examples help": (
        evaluation(
            [base(0.6), shots(0.8), tuned(0.4)],
            [
                comparison("tuned", "base", "worse", (-0.3, -0.1)),
                comparison(SHOTS, "tuned", "better", (0.3, 0.5)),
            ],
        ),
        "few_shot",
    ),
    "passages help the tuned model": (
        evaluation(
            [base(), shots(), tuned(), tuned_with_passages()],
            [
                comparison("tuned + passages", SHOTS, "better", (0.4, 0.6)),
                comparison("tuned + passages", "base", "better", (0.7, 0.9)),
                comparison("tuned + passages", "tuned", "better", (0.05, 0.13)),
            ],
        ),
        "fine_tune",
    ),
    "passages add nothing to the tuned model": (
        evaluation(
            [base(), shots(), tuned(0.89), tuned_with_passages()],
            [
                comparison("tuned + passages", SHOTS, "better", (0.4, 0.6)),
                comparison("tuned", SHOTS, "better", (0.4, 0.6)),
                comparison("tuned + passages", "tuned", "no_difference_shown", (-0.03, 0.04)),
            ],
        ),
        "fine_tune",
    ),
    "too few rows": (
        evaluation(
            [base(0.4), tuned(0.5)],
            [comparison("tuned", "base", "too_few_rows", (-0.1, 0.3), 0.28, num_rows=40)],
            num_rows=40,
        ),
        "collect_more_rows",
    ),
    "too few rows, all of which agree": (
        evaluation([base(0.5), tuned(0.5)], [comparison("tuned", "base", "too_few_rows", (0.0, 0.0), 0.0)], num_rows=3),
        "collect_more_rows",
    ),
    "no difference shown by a set that could show none": (
        evaluation([base(0.7), tuned(0.75)], [comparison("tuned", "base", "no_difference_shown", (-0.05, 0.15), 0.1)]),
        "collect_more_rows",
    ),
    "a lesser way is left in doubt": (
        evaluation(
            [base(0.3), shots(0.4), tuned()],
            [
                comparison("tuned", SHOTS, "better", (0.3, 0.5)),
                comparison("tuned", "base", "too_few_rows", (-0.1, 0.9), 0.5, num_rows=6, num_groups=3),
            ],
        ),
        "collect_more_rows",
    ),
    "a lesser way was not compared and its interval touches": (
        evaluation(
            [base(), shots(0.71), passages(0.72), tuned()], [comparison("tuned", "3 passages", "better", (0.06, 0.12))]
        ),
        "collect_more_rows",
    ),
    "the plain tuned model leaves a lesser way in doubt": (
        evaluation(
            [base(), passages(0.5), shots(), tuned(0.89), tuned_with_passages()],
            [
                comparison("tuned + passages", "tuned", "no_difference_shown", (-0.03, 0.04)),
                comparison("tuned", SHOTS, "too_few_rows", (-0.1, 0.9), 0.5),
            ],
        ),
        "fine_tune",
    ),
    "nothing compares and intervals touch": (evaluation([base(0.7), tuned(0.75)]), "collect_more_rows"),
    "nothing compares and intervals are apart": (evaluation([base(0.1), tuned(0.75)]), "fine_tune"),
    "nothing without training": (evaluation([tuned()]), "collect_more_rows"),
    "test rows repeat training rows": (
        evaluation([base(), tuned()], BETTER_THAN_ALL, num_contaminated=10),
        "mend_data",
    ),
    "one test row repeats a training row": (
        evaluation([base(), shots(), tuned()], BETTER_THAN_ALL, num_contaminated=1),
        "fine_tune",
    ),
    "nothing was graded": (evaluation([base(), tuned()], headline=""), "mend_data"),
    "the headline is nobody's": (evaluation([base(), tuned()], headline="bleu"), "mend_data"),
    "no rows": (evaluation([], num_rows=0, headline=""), "collect_more_rows"),
    "no tuned model": (
        evaluation([base(), shots()], [comparison(SHOTS, "base", "better", (0.2, 0.36))]),
        "few_shot",
    ),
    "no tuned model and examples add nothing": (
        evaluation([base(), shots()], [comparison(SHOTS, "base", "no_difference_shown", (-0.01, 0.03))]),
        "base_is_enough",
    ),
    "no tuned model and too few rows": (
        evaluation([base(), shots()], [comparison(SHOTS, "base", "too_few_rows", (-0.1, 0.4), 0.3)]),
        "collect_more_rows",
    ),
    "a remote model is better": (
        evaluation(
            [base(), shots(), tuned(), remote(0.95)],
            [*BETTER_THAN_ALL, comparison("big", "tuned", "better", (0.08, 0.2))],
        ),
        "use_remote",
    ),
    "a remote model is as good": (
        evaluation(
            [base(), shots(), tuned(), remote(0.82)],
            [*BETTER_THAN_ALL, comparison("big", "tuned", "no_difference_shown", (-0.03, 0.05))],
        ),
        "fine_tune",
    ),
    "a remote model is better than the best and a lesser way is left in doubt": (
        evaluation(
            [base(), shots(), tuned(), remote(0.95)],
            [
                *BETTER_THAN_ALL,
                comparison("big", "tuned", "better", (0.08, 0.2)),
                comparison("big", SHOTS, "too_few_rows", (-0.1, 0.9), 0.5, num_rows=6),
            ],
        ),
        "fine_tune",
    ),
    "only a remote model": (evaluation([remote()]), "use_remote"),
    "failures and shortened prompts": (
        evaluation(
            [
                base(),
                column(
                    SHOTS,
                    "few_shot",
                    0.8,
                    None,
                    scores={
                        GRADER: Score(mean=0.996, low=0.97, high=0.9996, method="wilson", num_rows=187, num_failed=3)
                    },
                    num_shortened=12,
                ),
                tuned(),
            ],
            [comparison(SHOTS, "tuned", "better", (0.1, 0.2))],
        ),
        "few_shot",
    ),
}


# ── scenarios ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", SCENARIOS)
def test_numbers_lead_to_this_recommendation(name: str) -> None:
    made, expected = SCENARIOS[name]
    _, code = advise(made, prices=PRICES)
    assert code == expected


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("budget", [None, 0.02, 3.0])
def test_every_number_in_a_sentence_stands_in_the_evaluation(name: str, budget: float | None) -> None:
    made, _ = SCENARIOS[name]
    sentences, _ = advise(made, prices=PRICES, budget_dollars=budget)
    assert sentences
    assert untraced(sentences, priced(made, PRICES), _given(0.05, budget)) == []


def test_every_rule_and_every_recommendation_is_met_by_a_scenario() -> None:
    deciding = set()
    for made, _ in SCENARIOS.values():
        case = make_case(priced(made, PRICES), 0.05, None)
        deciding.add(next(rule.__name__ for rule in RULES if rule(case) is not None))
    assert deciding == {rule.__name__ for rule in RULES}
    assert {expected for _, expected in SCENARIOS.values()} == set(get_args(Recommendation))


def test_winning_is_told_with_difference_interval_p_and_break_even() -> None:
    text = _text("tuning wins")
    assert text.startswith(
        'Fine-tune: "tuned" scores 81 % by "contains", 43 points above "4 examples (bm25)" (38 %), the best way '
        "without training; the difference lies between 35 and 51 points; "
        "p = 0.025 after Holm's correction; 190 rows."
    )
    # 600 s at $0.36 an hour: $0.06. 1000 requests: 25 s or 100 s, so $0.0025 or $0.010; 0.06 / 0.0075 · 1000 is 8000.
    assert "a thousand requests cost $0.0025 with the tuned model and $0.01 without; training costs $0.06 once" in text
    assert "earned back after about 8,000 requests." in text
    assert "A request reads 22 prompt tokens with the tuned model and 430 without." in text
    assert 'answered by "tuned", half within 22 ms and nineteen of twenty within 55 ms' in text


def test_a_tie_is_told_with_what_the_set_could_have_shown() -> None:
    text = _text("few-shot is as good")
    assert text.startswith('Do not fine-tune: use "4 examples (bm25)", which scores 82 % by ')
    assert "a true difference of 4.5 points would most likely have shown, and 5 are what matters" in text
    assert "and 430 without" in text
    assert "training costs" in text


def test_forgetting_is_a_warning_only_where_tuning_is_recommended() -> None:
    assert 'has lost some of what it was not taught: "forgetting" is 0.12 (between 0.08 and' in _text(
        "tuning wins and forgets"
    )
    made, _ = SCENARIOS["few-shot is as good"]
    forgetful = made.model_copy(update={"signals": [forgetting()]})
    assert advise(forgetful, prices=PRICES) == advise(made, prices=PRICES)


def test_signal_without_a_value_is_told_as_not_measured() -> None:
    made, _ = SCENARIOS["tuning wins"]
    text = _joined(advise(made.model_copy(update={"signals": [forgetting(None)]}), prices=PRICES)[0])
    assert '"forgetting" is not measured' in text


def test_harm_by_tuning_is_told_even_where_another_way_is_recommended() -> None:
    assert 'Tuning did harm: "tuned" scores 40 %, 20 points below "base"' in _text("tuning did harm and examples help")
    assert "Tuning did harm" not in _text("tuning wins")


def test_missing_rows_are_counted() -> None:
    # 40 · (0.28 / 0.05)² = 1254.4
    assert "about 1,300 rows would be needed for 5 points" in _text("too few rows")
    assert "6 rows in 3 groups cannot tell them apart" in _text("a lesser way is left in doubt")


def test_rows_are_not_asked_for_where_enough_are_there() -> None:
    made = evaluation([base(0.7), tuned(0.75)], [comparison("tuned", "base", "too_few_rows", (-0.05, 0.15), None)])
    text = _joined(advise(made, prices=PRICES)[0])
    assert "Collect more test rows" in text
    assert "would be needed" not in text


def test_contamination_is_said_first() -> None:
    assert _text("test rows repeat training rows").startswith("Mend the data first: 10 of 190 test rows")
    assert _text("one test row repeats a training row").startswith("Test rows that nearly repeat a training row: 1 of")


def test_tokens_of_what_is_compared_are_told_where_there_is_no_break_even() -> None:
    said = 'Tokens of a request: to "4 examples (bm25)", 430 of prompt and 9.5 of answer; to "base", 20 of prompt'
    assert said in _text("no tuned model")


def test_remote_model_is_told_with_its_cost() -> None:
    # 50 · $2 + 9.5 · $8 for a million tokens, a thousand times: $0.176
    for name in ("a remote model is better", "a remote model is as good"):
        assert 'A thousand requests to "big" cost $0.18.' in _text(name)


def test_service_without_a_price_is_told_and_where_to_enter_it() -> None:
    made, _ = SCENARIOS["a remote model is better"]
    text = _joined(advise(made, prices=load_prices())[0])
    assert "the price table has no service 'big-1': add it under services" in text


def test_plain_tuned_model_is_preferred_where_passages_add_nothing() -> None:
    assert _text("passages add nothing to the tuned model").startswith('Fine-tune: "tuned" scores 89 %')
    assert _text("passages help the tuned model").startswith('Fine-tune and give it passages: "tuned + passages"')


def test_a_tuned_model_must_beat_each_way_without_training_and_the_one_in_doubt_is_named() -> None:
    text = _text("a lesser way was not compared and its interval touches")
    assert f'"tuned" scores 81 % and "{SHOTS}" scores 71 %; no paired test compares them' in text
    text = _text("the plain tuned model leaves a lesser way in doubt")
    assert text.startswith('Fine-tune and give it passages: "tuned + passages"')


def test_what_exceeds_the_budget_is_set_aside_and_said() -> None:
    made, _ = SCENARIOS["tuning wins"]
    sentences, code = advise(made, prices=PRICES, budget_dollars=0.05)
    assert code == "few_shot"
    assert sentences[0].text == (
        '"tuned" does not fit the budget of $0.05 (training and a thousand requests cost $0.062): it is set aside.'
    )
    assert "No tuned model fits the budget" in sentences[1].text


def test_budget_that_nothing_fits_changes_nothing_but_says_so() -> None:
    made, _ = SCENARIOS["tuning wins"]
    sentences, code = advise(made, prices=PRICES, budget_dollars=0.0)
    assert code == "fine_tune"
    assert [s.text.endswith("considered all the same.") for s in sentences[:3]] == [True, True, True]


def test_column_of_unknown_cost_is_never_too_dear() -> None:
    made = evaluation([base(), column("tuned", "tuned", 0.8)], [comparison("tuned", "base", "better", (0.6, 0.8))])
    assert advise(made, prices=PRICES, budget_dollars=0.01)[1] == "fine_tune"


def test_failures_and_shortened_prompts_of_the_recommended_column_are_told() -> None:
    text = _text("failures and shortened prompts")
    assert "answers that could not be graded and are not in the score: 3; prompts that were shortened" in text
    assert "scores 99.6 %" in text


def test_what_matters_is_the_users_to_say() -> None:
    made, _ = SCENARIOS["tuning is better by less than matters"]
    assert advise(made, prices=PRICES, smallest_that_matters=0.01)[1] == "fine_tune"


@pytest.mark.parametrize(("smallest", "budget"), [(0.0, None), (1.0, None), (math.nan, None), (0.05, -1.0)])
def test_settings_out_of_range_are_refused(smallest: float, budget: float | None) -> None:
    with pytest.raises(RecipeError, match="out of range") as caught:
        advise(evaluation([]), prices=PRICES, smallest_that_matters=smallest, budget_dollars=budget)
    assert len(caught.value.faults) == 1


def test_order_of_columns_and_comparisons_does_not_matter() -> None:
    for made, _ in SCENARIOS.values():
        turned = made.model_copy(
            update={"columns": made.columns[::-1], "comparisons": made.comparisons[::-1]},
        )
        assert advise(turned, prices=PRICES) == advise(made, prices=PRICES)


def test_a_comparison_says_the_same_from_both_sides() -> None:
    mirrored = {"better": "worse", "worse": "better"}
    for made, expected in SCENARIOS.values():
        turned = [
            c.model_copy(
                update={
                    "column": c.against,
                    "against": c.column,
                    "difference": -c.difference,
                    "low": -c.high,
                    "high": -c.low,
                    "verdict": mirrored.get(c.verdict, c.verdict),
                }
            )
            for c in made.comparisons
        ]
        sentences, code = advise(made.model_copy(update={"comparisons": turned}), prices=PRICES)
        assert code == expected
        assert [s.text for s in sentences] == [s.text for s in advise(made, prices=PRICES)[0]]


# ── any evaluation ───────────────────────────────────────────────────────────────────────────────────────────────────

NAMES = st.sampled_from(["base", "tuned", "a.b", 'say "x"', "count", "4 examples", "", "x\n\\", "ünï 7"])
WILD = st.floats() | st.sampled_from([0.0, 1.0, -1.0, 1e-9, 0.9999, 1e308])
TAME = st.floats(0, 1)


def _evaluations(number: st.SearchStrategy[float]) -> st.SearchStrategy[Evaluation]:
    maybe = st.none() | number
    count = st.integers(0, 500)
    graders = st.sampled_from([GRADER, "f.1", "loss"])
    usages = st.builds(
        Usage,
        prompt_tokens=number,
        completion_tokens=number,
        latency_p50=maybe,
        latency_p95=maybe,
        rows_per_s=maybe,
        dollars_per_1000=maybe,
        price=st.sampled_from(["", "by hand"]),
    )
    scores = st.builds(
        Score, mean=number, low=number, high=number, method=st.just("wilson"), num_rows=count, num_failed=count
    )
    columns = st.builds(
        Column,
        name=NAMES,
        kind=st.sampled_from(PLAINEST_FIRST),
        model=st.sampled_from(["starter", "big-1 at http://localhost"]),
        scores=st.dictionaries(graders, scores),
        usage=st.none() | usages,
        training_seconds=maybe,
        training_dollars=maybe,
        num_shortened=count,
    )
    comparisons = st.builds(
        Comparison,
        column=NAMES,
        against=NAMES,
        grader=graders,
        difference=number,
        low=number,
        high=number,
        p_value=number,
        p_holm=number,
        test=st.just("mcnemar"),
        num_rows=count,
        num_groups=count,
        detectable=maybe,
        verdict=st.sampled_from(["better", "worse", "no_difference_shown", "too_few_rows"]),
    )
    signals = st.builds(
        Signal, name=NAMES, value=maybe, low=maybe, high=maybe, num_rows=count, is_bad=st.booleans(), rule=NAMES
    )
    rows = st.lists(st.just(Row(where="t:1", prompt=[], reference=None)), max_size=3)
    frozen = st.builds(
        FrozenRows,
        rows=rows,
        num_available=count,
        seed=count,
        chosen=NAMES,
        num_groups=count,
        contaminated=st.just([]) | st.lists(NAMES, max_size=2),
    )
    return st.builds(
        Evaluation,
        headline=graders | st.just(""),
        test=frozen,
        columns=st.lists(columns, max_size=5),
        comparisons=st.lists(comparisons, max_size=6),
        signals=st.lists(signals, max_size=3),
    )


@settings(max_examples=150, deadline=None)
@given(_evaluations(WILD), st.none() | st.floats(0, 1e6))
def test_any_evaluation_is_answered_and_always_alike(made: Evaluation, budget: float | None) -> None:
    sentences, code = advise(made, prices=PRICES, budget_dollars=budget)
    assert sentences[-1].text.endswith(".")
    assert (sentences, code) == advise(made, prices=PRICES, budget_dollars=budget)
    assert not [s.text for s in sentences if re.search(r"\b(nan|inf|None)\b", _unquoted(s.text))]


@settings(max_examples=150, deadline=None)
@given(_evaluations(TAME))
def test_any_sentence_rests_on_its_numbers(made: Evaluation) -> None:
    sentences, _ = advise(made, prices=PRICES)
    assert untraced(sentences, priced(made, PRICES), _given(0.05, None)) == []


@settings(max_examples=150, deadline=None)
@given(_evaluations(TAME))
def test_no_tuning_is_recommended_without_a_way_to_do_without(made: Evaluation) -> None:
    _, code = advise(made, prices=PRICES)
    kinds = {column.kind for column in made.columns if made.headline in column.scores}
    if code == "fine_tune":
        assert kinds & {"tuned", "tuned_retrieval"}
        assert kinds & {"base", "prompt", "few_shot", "retrieval"}


def test_the_check_finds_a_number_from_nowhere() -> None:
    made, _ = SCENARIOS["tuning wins"]
    because: dict[str, float | None] = {"columns.tuned.scores.contains.mean": 0.81}
    right, wrong = Sentence(text="It scores 81 %.", because=because), Sentence(text="It scores 82 %.", because=because)
    moved = Sentence(text="It scores 90 %.", because={"columns.tuned.scores.contains.mean": 0.9})
    assert untraced([right], made, {}) == []
    assert untraced([wrong], made, {}) == ["82 in: It scores 82 %."]
    assert untraced([moved], made, {}) == ["columns.tuned.scores.contains.mean in: It scores 90 %."]


def test_rules_have_a_stated_order() -> None:
    assert [rule.__name__ for rule in RULES] == [
        "contaminated_test_set",
        "nothing_was_graded",
        "remote_is_better",
        "nothing_was_tuned",
        "untrained_is_as_good",
        "tuned_is_better",
        "nothing_is_shown",
    ]
    assert all(rule.__doc__ for rule in RULES)


# ── how a number is traced ───────────────────────────────────────────────────────────────────────────────────────────

NUMBER = re.compile(r"(about )?(?<![\w.])(\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?)( %| points| to [\d.]+ %)?")


def untraced(sentences: Sequence[Sentence], made: Evaluation, asked: dict[str, float]) -> list[str]:
    """Return numbers that no reason explains, and reasons whose value is not the one in the evaluation."""
    faults: list[str] = []
    for sentence in sentences:
        values = [abs(value) for value in sentence.because.values() if value is not None]
        faults += [
            f"{path} in: {sentence.text}"
            for path, value in sentence.because.items()
            if value_at(made, path, asked) != value
        ]
        faults += [
            f"{found[2]} in: {sentence.text}"
            for found in NUMBER.finditer(_unquoted(sentence.text))
            if not any(_rounds_to(value, found) for value in values)
        ]
    return faults


def _rounds_to(value: float, found: re.Match[str]) -> bool:
    digits = found[2].replace(",", "")
    mantissa, _, exponent = digits.partition("e")
    unit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    if found[1]:
        unit *= 10 ** (len(mantissa) - len(mantissa.rstrip("0")))
    allowed = unit * 0.5000001
    # A score next to 0 or 100 % is shown as 0.1 or 99.9 %, and never as what it is not.
    if found[3] == " %" and digits in ("0.1", "99.9"):
        allowed = 0.1
    # Percent and points, or milliseconds; a p-value below a thousandth is told as that.
    scales = (1000,) if found.string[found.end(2) :].startswith(" ms") else (1, 100)
    if digits == "0.001" and found.string[: found.start()].endswith("p < "):
        return value < 0.001
    return any(abs(value * scale - float(digits)) <= allowed for scale in scales)


def _unquoted(text: str) -> str:
    return re.sub(r'"[^"]*"', "", text)


def _given(smallest: float, budget: float | None) -> dict[str, float]:
    return {"smallest_that_matters": smallest} | ({} if budget is None else {"budget_dollars": budget})


def _text(name: str) -> str:
    return _joined(advise(SCENARIOS[name][0], prices=PRICES)[0])


def _joined(sentences: Sequence[Sentence]) -> str:
    return " ".join(sentence.text for sentence in sentences)
