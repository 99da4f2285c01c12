"""The verdict says better only where the comparison does, and says what was too few, too close or not measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.evaluate.page.building import empty_evaluation, make_evaluation
from tunewright.evaluate.page.figures import (
    Scale,
    bytes_text,
    dollars_text,
    number_text,
    p_text,
    rows_text,
    scale_of,
    seconds_text,
    signed,
)
from tunewright.evaluate.page.verdict import headline_sentence, judged_sentence, main_column, rival_sentence
from tunewright.runs.evaluation import Score, Verdict

PERCENT = Scale("contains", in_percent=True)
PLAIN = Scale("judge", in_percent=False)


@pytest.mark.parametrize(
    ("verdict", "opening", "ending"),
    [
        ("better", "The tuned model is better than the base model: contains 3 % → 83 %, +80 points", "on 60 rows."),
        ("worse", "The tuned model is worse than the base model: ", "on 60 rows."),
        (
            "no_difference_shown",
            "No difference between the tuned model and the base model was shown: ",
            "; a true difference of 16 points or more would have shown (8 times out of 10).",
        ),
        (
            "too_few_rows",
            "Too few rows to tell the tuned model from the base model: ",
            "; so few show only a difference of 16 points or more (8 times out of 10).",
        ),
    ],
)
def test_each_verdict_has_its_own_sentence(verdict: Verdict, opening: str, ending: str) -> None:
    sentence = headline_sentence(make_evaluation(verdict=verdict))
    assert sentence.startswith(opening)
    assert sentence.endswith(ending)
    assert "95 % interval +69 to +91" in sentence


def test_groups_are_named_where_rows_are_not_independent() -> None:
    evaluation = make_evaluation()
    found = evaluation.comparisons[0].model_copy(update={"num_groups": 32})
    sentence = headline_sentence(evaluation.model_copy(update={"comparisons": [found]}))
    assert "on 60 rows in 32 groups" in sentence


def test_answers_that_no_grader_could_judge_are_told() -> None:
    evaluation = make_evaluation()
    tuned = evaluation.columns[-1]
    score = tuned.scores["contains"].model_copy(update={"num_failed": 3})
    tuned = tuned.model_copy(update={"scores": {"contains": score}})
    sentence = headline_sentence(evaluation.model_copy(update={"columns": [*evaluation.columns[:-1], tuned]}))
    assert sentence.endswith("3 answers could not be judged and were left out.")


def test_a_comparison_made_the_other_way_round_says_the_same() -> None:
    evaluation = make_evaluation()
    turned = [found.turned() for found in evaluation.comparisons]
    assert headline_sentence(evaluation.model_copy(update={"comparisons": turned})) == headline_sentence(evaluation)


def test_without_a_comparison_nothing_is_called_better() -> None:
    sentence = headline_sentence(make_evaluation().model_copy(update={"comparisons": []}))
    assert sentence == (
        "The tuned model scores 83 % by contains (95 % interval 72–91 %) on 60 rows; it was not compared with its base."
    )


def test_of_several_tuned_columns_the_first_is_judged_not_the_best() -> None:
    evaluation = make_evaluation(shares={"tuned": 0.3})
    better = make_evaluation(shares={"tuned": 0.95}).columns[-1].model_copy(update={"name": "tuned, step 200"})
    column = main_column(evaluation.model_copy(update={"columns": [*evaluation.columns, better]}))
    assert column is not None
    assert column.name == "tuned"


def test_without_a_tuned_column_the_best_other_one_is_judged() -> None:
    evaluation = make_evaluation()
    column = main_column(evaluation.model_copy(update={"columns": evaluation.columns[:-1]}))
    assert column is not None
    assert column.name == "4 examples (bm25)"


def test_the_best_column_without_training_is_named_beside_the_tuned_one() -> None:
    assert "“4 examples (bm25)”" in rival_sentence(make_evaluation())
    no_tuned = make_evaluation()
    assert rival_sentence(no_tuned.model_copy(update={"columns": no_tuned.columns[:-1]})) == ""
    assert rival_sentence(no_tuned.model_copy(update={"comparisons": no_tuned.comparisons[:1]})) == ""


def test_where_the_base_is_the_best_without_training_the_headline_has_said_it() -> None:
    assert rival_sentence(make_evaluation(shares={"base": 1.0})) == ""


def test_a_judge_prefers_a_column_only_if_its_win_rate_is_surely_not_a_half() -> None:
    [pairs] = make_evaluation().judged
    assert judged_sentence(pairs) == (
        "The judge “politeness” prefers the tuned model to the base model: the tuned model wins 76 % "
        "(95 % interval 63–85 %) of 58 pairs, 41 won, 11 lost, 6 tied; both orders agree on 90 % of them. "
        "2 pairs got no verdict."
    )
    unsure = pairs.model_copy(update={"low": 0.5})
    assert "shows no preference between the tuned model and the base model" in judged_sentence(unsure)
    lost = pairs.model_copy(update={"win_rate": 0.2, "low": 0.1, "high": 0.4, "num_failed": 0})
    assert judged_sentence(lost).startswith("The judge “politeness” prefers the base model to the tuned model: ")
    assert judged_sentence(lost).endswith("of them.")


def test_a_judge_that_never_answered_prefers_nothing() -> None:
    [pairs] = make_evaluation().judged
    mute = pairs.model_copy(update={"wins": 0, "losses": 0, "ties": 0, "win_rate": None, "num_failed": 60})
    told = judged_sentence(mute)
    assert told == "The judge “politeness” gave no verdict on the tuned model and the base model: 60 pairs failed."


def test_without_graders_the_loss_speaks_and_without_that_nothing_does() -> None:
    evaluation = make_evaluation().model_copy(update={"headline": ""})
    assert "the loss is 2.324 → 0.823 nats a token on 60 held-out rows" in headline_sentence(evaluation)
    empty = empty_evaluation()
    assert headline_sentence(empty) == "Nothing was graded, so nothing can be said about whether it helped."
    assert headline_sentence(empty.model_copy(update={"headline": "contains"})).startswith("Nothing can be said")


@given(st.floats(0, 1))
def test_a_share_is_never_rounded_to_none_or_all(score: float) -> None:
    text = PERCENT.value(score)
    assert (text == "0 %") == (score == 0)
    assert (text == "100 %") == (score == 1)


@given(st.floats(-1, 1), st.integers(0, 2))
def test_a_signed_figure_has_its_sign_unless_it_is_rounded_to_nothing(value: float, decimals: int) -> None:
    text = signed(value, decimals)
    number = float(text.replace("−", "-"))
    assert abs(number - value) <= 0.5 * 10**-decimals + 1e-12
    assert text[0] == ("+" if number > 0 else "−" if number < 0 else "0")


def test_scores_of_a_scale_of_its_own_are_not_percent() -> None:
    evaluation = make_evaluation()
    score = Score(mean=4.2, low=3.9, high=4.5, method="bootstrap", num_rows=60)
    column = evaluation.columns[0].model_copy(update={"scores": {"judge": score}})
    scale = scale_of(evaluation.model_copy(update={"columns": [column]}), "judge")
    assert scale == PLAIN
    assert scale.score(score) == "4.2 (3.9–4.5)"
    assert scale.difference(0.31, 0.1, 0.52) == "+0.31 (95 % interval +0.10 to +0.52)"
    assert scale.size(0.25) == "0.25"
    assert scale_of(evaluation, "contains").in_percent


def test_figures_are_for_people() -> None:
    assert PERCENT.difference(0.79, 0.72, 0.85) == "+79 points (95 % interval +72 to +85)"
    assert PERCENT.difference(-0.025, -0.071, 0.02) == "−2.5 points (95 % interval −7.1 to +2.0)"
    assert [PERCENT.size(x) for x in (0.01, 0.05, 0.123)] == ["1 point", "5 points", "12 points"]
    assert [p_text(p) for p in (0.0, 0.00099, 0.0123, 1.0)] == ["p < 0.001", "p < 0.001", "p = 0.012", "p > 0.99"]
    assert [seconds_text(s) for s in (None, 0.0123, 1.234, 61.0)] == ["–", "12 ms", "1.23 s", "61 s"]
    assert [bytes_text(b) for b in (None, 812_000_000, 1_240_000_000)] == ["–", "812 MB", "1.24 GB"]
    assert [dollars_text(d) for d in (None, 0.0, 0.00371, 12.4)] == ["–", "$0", "$0.0037", "$12.40"]
    assert [rows_text(1), rows_text(1200), number_text(None)] == ["1 row", "1,200 rows", "–"]
