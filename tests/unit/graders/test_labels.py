"""A label is found in an answer that says more, and the scores of a set are scikit-learn's."""

from __future__ import annotations

import random
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from tunewright.errors import MissingExtraError
from tunewright.graders.grade import NO_REFERENCE, Item, Output, SetGrader
from tunewright.graders.labels import Label
from tunewright.spec.grader import LabelSpec

SPAM = LabelSpec(labels=("spam", "not spam", "other"))


@pytest.mark.parametrize(
    ("answer", "reference", "score"),
    [
        ("Spam.", "spam", 1.0),
        ("  NOT  SPAM\n", "not spam", 1.0),
        ("The label is: **not spam**, I think.", "not spam", 1.0),
        ("The label is: **not spam**, I think.", "spam", 0.0),
        ("not spam, or rather spam", "spam", 0.0),
        ("spam or other", "spam", 0.0),
        ("spam spam spam", "spam", 1.0),
        ("a spammer", "spam", 0.0),
        ("", "spam", 0.0),
        ("no idea", "spam", 0.0),
    ],
)
def test_the_label_is_the_one_known_label_that_the_answer_holds(answer: str, reference: str, score: float) -> None:
    assert Label(SPAM)(Output(answer), Item(reference)) == score


def test_a_label_in_a_script_without_spaces_is_found() -> None:
    label = Label(LabelSpec(labels=("体育", "科技")))
    assert label(Output("类别是体育。"), Item("体育")) == 1.0


def test_labels_handed_over_are_known_unless_the_recipe_names_its_own() -> None:
    answer = (Output("I say yes, not maybe"), Item("yes"))
    free, fixed = Label(LabelSpec()), Label(LabelSpec(labels=("yes", "no")))
    for grader in (free, fixed):
        grader.use_labels(["Yes", "no", "maybe"])
    assert free(*answer) == 0.0
    assert fixed(*answer) == 1.0


def test_without_known_labels_only_equality_counts() -> None:
    label = Label(LabelSpec())
    assert label(Output("Yes."), Item("yes")) == 1.0
    assert label(Output("yes and no"), Item("yes")) == 0.0


def test_no_reference_is_no_score() -> None:
    assert Label(SPAM)(Output("spam"), Item(None)) == NO_REFERENCE


def _answered(num_rows: int, seed: int) -> tuple[list[str], list[str]]:
    """Return references and answers, of which some are no label at all."""
    rng = random.Random(seed)
    wanted = [rng.choice(["spam", "not spam", "other"]) for _ in range(num_rows)]
    return wanted, [label if rng.random() < 0.6 else rng.choice(["spam", "other", "??"]) for label in wanted]


@pytest.mark.parametrize("seed", range(5))
def test_scores_of_a_set_are_scikit_learn_s(seed: int) -> None:
    wanted, given_ = _answered(60, seed)
    found = Label(SPAM).grade_set([(Output(f"It is: {g}!"), Item(w)) for w, g in zip(wanted, given_, strict=True)])
    present = sorted(set(wanted))
    # scikit-learn's own hints leave out the None and the 0 that its reference names.
    f1: Any = f1_score
    each = f1(wanted, given_, labels=present, average=None, zero_division=0)
    expected = {
        "accuracy": accuracy_score(wanted, given_),
        "macro_f1": f1(wanted, given_, labels=present, average="macro", zero_division=0),
        "weighted_f1": f1(wanted, given_, labels=present, average="weighted", zero_division=0),
        **{f"f1: {label}": found for label, found in zip(present, each, strict=True)},
    }
    assert found.values == pytest.approx(expected)
    assert found.confusion is not None
    order = [*found.confusion.labels, "??"]
    assert [list(row) for row in found.confusion.counts] == confusion_matrix(wanted, given_, labels=order)[:3].tolist()


def test_a_known_label_that_no_reference_has_is_in_the_matrix_and_not_in_the_mean_f1() -> None:
    found = Label(SPAM).grade_set([(Output("spam"), Item("spam")), (Output("other"), Item("spam"))])
    assert found.values == pytest.approx({"accuracy": 0.5, "macro_f1": 2 / 3, "weighted_f1": 2 / 3, "f1: spam": 2 / 3})
    assert found.confusion is not None
    assert found.confusion.labels == ("not spam", "other", "spam")
    assert found.confusion.counts == ((0, 0, 0, 0), (0, 0, 0, 0), (0, 1, 1, 0))


def test_a_reference_unseen_in_training_is_a_label_of_its_own_and_named() -> None:
    label = Label(LabelSpec())
    label.use_labels(["spam", "other"])
    graded = [(Output("Phishing"), Item("phishing.")), (Output("it is phishing"), Item("phishing"))]
    assert [label(*pair) for pair in graded] == [1.0, 1.0]
    found = label.grade_set([*graded, (Output("eggs"), Item("spam"))])
    assert found.values["f1: phishing."] == 1.0
    assert found.signature.endswith("no known labels, yet references: 'phishing.'")
    assert found.confusion is not None
    assert sum(map(sum, found.confusion.counts)) == 3
    assert found.confusion.counts[found.confusion.labels.index("spam")][-1] == 1


def test_a_label_that_no_training_row_has_is_known_in_every_row_and_named_with_its_rows() -> None:
    label = Label(LabelSpec())
    label.use_labels(["spam", "other", "Phishing"], taught=["SPAM.", "other"])
    # Known: given for another reference it is that label, and not "no known label".
    graded = [(Output("it is phishing"), Item("spam")), (Output("phishing"), Item("Phishing"))] * 2
    found = label.grade_set(graded)
    assert found.confusion is not None
    names = found.confusion.labels
    assert found.confusion.counts[names.index("spam")][names.index("Phishing")] == 2
    assert found.signature.endswith(
        "labels of the references; labels that no training row has, and their rows: 'Phishing' (2)"
    )
    assert "no known labels" not in found.signature


def test_labels_of_the_recipe_too_are_held_against_the_training_rows() -> None:
    label = Label(SPAM)
    label.use_labels(["ignored"], taught=["spam"])
    graded = [(Output("spam"), Item(reference)) for reference in ("spam", "other", "other", "not spam")]
    assert label.grade_set(graded).signature.endswith("and their rows: 'not spam' (1), 'other' (2)")
    assert "training" not in label.grade_set(graded[:1]).signature


def test_where_nobody_knows_what_was_taught_nothing_is_said_of_it() -> None:
    label = Label(LabelSpec())
    label.use_labels(["spam", "other"])
    assert "training" not in label.grade_set([(Output("spam"), Item("spam"))]).signature


def test_only_the_first_unseen_references_are_named_and_the_rest_counted() -> None:
    label = Label(SPAM)
    found = label.grade_set([(Output("x"), Item(f"new {number:02}")) for number in range(15)])
    assert "'new 09' and 5 more" in found.signature
    assert "new 10" not in found.signature


def test_an_empty_set_has_no_scores() -> None:
    label = Label(SPAM)
    assert isinstance(label, SetGrader)
    assert not label.grade_set([]).values


texts = st.text(st.characters(), max_size=20) | st.lists(st.sampled_from(["a", "a b", "b", "!", "\ud800"])).map(
    " ".join
)


@settings(deadline=None)
@given(st.lists(st.tuples(texts, texts), max_size=6), st.lists(texts, max_size=4))
def test_the_mean_of_single_grades_is_the_accuracy_and_the_matrix_counts_every_row(
    rows: list[tuple[str, str]], labels: list[str]
) -> None:
    label = Label(LabelSpec())
    label.use_labels(labels)
    graded = [(Output(answer), Item(reference)) for answer, reference in rows]
    grades = [label(*pair) for pair in graded]
    found = label.grade_set(graded)
    if not rows:
        assert not found.values
        return
    assert all(isinstance(grade, float) for grade in grades)
    assert found.values["accuracy"] == pytest.approx(sum(g for g in grades if isinstance(g, float)) / len(grades))
    assert found.confusion is not None
    assert sum(map(sum, found.confusion.counts)) == len(rows)
    assert {len(row) for row in found.confusion.counts} == {len(found.confusion.labels) + 1}


def test_a_missing_scikit_learn_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtraError, match="scikit-learn"):
        Label(SPAM)
