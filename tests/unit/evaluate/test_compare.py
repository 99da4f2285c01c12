"""A comparison sets the same rows side by side, and shows them as they came, not the best ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewright.data.rows import Message, Row
from tunewright.evaluate.answers import Answer, grade_answer, mean_scores
from tunewright.evaluate.compare import Column, compare, load_column, save_column
from tunewright.graders.grade import Output
from tunewright.graders.make import make_graders
from tunewright.spec.grader import ExactMatchSpec

GRADERS = make_graders([ExactMatchSpec()])


def make_rows(groups: str) -> list[Row]:
    return [
        Row("t.jsonl", line, (Message("user", f"q{line}"), Message("assistant", "yes")), {"group": group})
        for line, group in enumerate(groups, start=1)
    ]


def make_column(rows: list[Row], rights: str, loss: float = 1.0) -> Column:
    """Return a column that is right where `rights` has an x."""
    texts = ["yes" if right == "x" else "no" for right in rights]
    answers = tuple(grade_answer(row, Output(text), GRADERS) for row, text in zip(rows, texts, strict=True))
    return Column({**mean_scores(answers, GRADERS), "loss": loss}, answers)


def test_the_headline_is_the_first_grader_and_its_rows_are_the_answered_ones() -> None:
    rows = make_rows("aabb")
    scores = compare(make_column(rows, "...x"), make_column(rows, "xx.x"), GRADERS, 40, 2)
    assert (scores.headline, scores.num_rows) == ("exact_match", 4)
    assert scores.base["exact_match"] == 0.25
    assert scores.tuned["exact_match"] == 0.75


def test_without_graded_answers_the_headline_is_the_loss_over_all_rows() -> None:
    scores = compare(Column({"loss": 2.0}, ()), Column({"loss": 1.0}, ()), GRADERS, 40, 2)
    assert (scores.headline, scores.num_rows, scores.groups, scores.samples) == ("loss", 40, {}, [])


def test_without_any_score_there_is_no_headline() -> None:
    assert compare(Column({}, ()), Column({}, ()), GRADERS, 0, 2).headline == ""


def test_groups_have_means_of_their_own() -> None:
    rows = make_rows("aab")
    groups = compare(make_column(rows, "x.."), make_column(rows, "xxx"), GRADERS, 3, 0).groups
    assert {name: (g.base, g.tuned, g.num_rows) for name, g in groups.items()} == {
        "a": (0.5, 1.0, 2),
        "b": (0.0, 1.0, 1),
    }


def test_a_short_sample_shows_each_group_once_before_any_twice() -> None:
    rows = make_rows("aaabbc")
    base, tuned = make_column(rows, "......"), make_column(rows, "x.x.x.")
    assert [s.line for s in compare(base, tuned, GRADERS, 6, 3).samples] == [1, 4, 6]
    assert [s.line for s in compare(base, tuned, GRADERS, 6, 9).samples] == [1, 4, 6, 2, 5, 3]


def test_success_does_not_decide_what_is_shown() -> None:
    rows = make_rows("aaabbc")
    shown = [
        [s.line for s in compare(make_column(rows, "......"), make_column(rows, rights), GRADERS, 6, 4).samples]
        for rights in ("xxxxxx", "......", "..x.xx")
    ]
    assert shown[0] == shown[1] == shown[2]


def test_a_sample_holds_both_answers_and_where_the_row_came_from() -> None:
    [row] = make_rows("a")
    [sample] = compare(make_column([row], "."), make_column([row], "x"), GRADERS, 1, 5).samples
    assert (sample.base, sample.tuned, sample.reference, sample.group) == ("no", "yes", "yes", "a")
    assert (sample.source, sample.line) == ("t.jsonl", 1)
    assert sample.tuned_scores == {"exact_match": 1.0}
    assert [message.content for message in sample.prompt_messages] == ["q1"]


def test_columns_of_different_rows_are_not_compared() -> None:
    with pytest.raises(ValueError, match="shorter"):
        compare(make_column(make_rows("ab"), ".."), make_column(make_rows("a"), "."), GRADERS, 2, 2)


def test_a_saved_column_comes_back(tmp_path: Path) -> None:
    rows = make_rows("ab")
    column = make_column(rows, "x.")
    save_column(tmp_path / "base.json", column)
    assert load_column(tmp_path / "base.json", rows, GRADERS) == column
    answers: tuple[Answer, ...] = column.answers
    assert [answer.text for answer in answers] == ["yes", "no"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"scores": {}, "answers": [[1]]}', b"null"])
def test_a_saved_column_that_is_damaged_is_computed_anew(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "base.json").write_bytes(content)
    assert load_column(tmp_path / "base.json", make_rows("a"), GRADERS) is None


def test_a_saved_column_of_other_rows_is_computed_anew(tmp_path: Path) -> None:
    save_column(tmp_path / "base.json", make_column(make_rows("ab"), "xx"))
    assert load_column(tmp_path / "base.json", make_rows("abc"), GRADERS) is None
    assert load_column(tmp_path / "nothing.json", make_rows("ab"), GRADERS) is None
