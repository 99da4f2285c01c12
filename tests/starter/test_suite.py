"""The built-in suite is what its generator writes, unseen in pretraining, fair to every domain, and answerable."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from starter import make_suite
from starter.corpus.document import Document, Turn
from starter.corpus.mixture import SHARES, documents_of, is_held_out
from tunewright.data.rows import Row
from tunewright.errors import DataError, DataMissingError
from tunewright.evaluate.suites.suites import BUILT_IN, read_suite, score_suite
from tunewright.graders.grade import Output
from tunewright.graders.make import make_graders


def write(path: Path, *records: object) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return str(path)


def record(answer: str = "yes", **metadata: object) -> dict[str, object]:
    return {"prompt": "Is it so?", "completion": answer, "metadata": metadata}


def as_document(row: Row) -> Document:
    turns = tuple(Turn(message.role, message.content) for message in row.messages)  # pyright: ignore[reportArgumentType]
    return Document("", turns)


def test_the_file_is_what_the_generator_writes() -> None:
    assert BUILT_IN["starter"] == make_suite.PATH
    assert make_suite.PATH.read_text(encoding="utf-8").splitlines() == list(make_suite.suite_lines())


def test_every_prompt_is_held_out_from_pretraining_and_asked_once() -> None:
    documents = [as_document(row) for row in read_suite("starter").rows]
    assert all(is_held_out(document) for document in documents)
    assert len({document.prompt for document in documents}) == len(documents)


def test_no_prompt_stands_in_a_sample_of_the_pretraining_text() -> None:
    prompts = {as_document(row).prompt for row in read_suite("starter").rows}
    seen = {document.prompt for seed in (0, 1) for document in islice(documents_of(seed), 2500)}
    assert prompts.isdisjoint(seen)


def test_any_beginning_of_the_suite_has_every_domain_alike() -> None:
    suite = read_suite("starter")
    assert len(suite.rows) == make_suite.PER_DOMAIN * len(SHARES)
    for num_rows in (len(SHARES), 60, 100, len(suite.rows)):
        counts = Counter(suite.first(num_rows).domains)
        assert set(counts) == set(SHARES)
        assert max(counts.values()) - min(counts.values()) <= 1


def test_rows_are_no_rephrasings_of_one_another_and_say_so() -> None:
    suite = read_suite("starter")
    assert all(row.group is None for row in suite.rows)
    assert suite.rows[0].where == "starter:1"


def test_the_reference_is_right_by_its_own_grader_and_other_answers_are_not() -> None:
    suite = read_suite("starter")
    graders = make_graders(suite.specs)
    right, reasons = score_suite(suite, [Output(row.reference) for row in suite.rows], graders)
    assert (set(right), reasons) == ({1.0}, [])
    asked, _ = score_suite(suite, [Output(row.prompt[-1].content) for row in suite.rows], graders)
    wrong, _ = score_suite(suite, [Output("Hm") for _ in suite.rows], graders)
    assert set(wrong) == {0.0}
    # Who only repeats the question must not be taken for somebody who knows.
    exact = [score for score, name in zip(asked, suite.grader_of_row, strict=True) if name != "contains"]
    assert not any(exact)


def test_a_file_of_the_users_is_a_suite_under_its_own_name(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", record(), record(grader="exact_match", group="g"))
    suite = read_suite(path)
    assert (suite.name, len(suite.rows)) == ("mine", 2)
    assert suite.grader_of_row[1] == "exact_match"
    assert suite.domains == ("", "g")
    assert suite.rows[0].where == f"{path}:1"
    scores, _ = score_suite(suite, [Output("yes"), Output("no")], make_graders(suite.specs))
    assert scores == [1.0, 0.0]


def test_an_answer_that_cannot_be_judged_has_no_score_and_a_reason(tmp_path: Path) -> None:
    suite = read_suite(write(tmp_path / "mine.jsonl", record("no json", grader="json_fields")))
    scores, reasons = score_suite(suite, [Output("{}")], make_graders(suite.specs))
    assert scores == [None]
    assert "mine.jsonl:1: json_fields: the reference is no JSON" in reasons[0]


@pytest.mark.parametrize(("name", "hint"), [("startr", "did you mean starter?"), ("general", "built in: starter")])
def test_a_suite_that_there_is_not_is_refused_with_those_that_there_are(name: str, hint: str) -> None:
    with pytest.raises(DataMissingError, match=name) as caught:
        read_suite(name)
    assert hint in caught.value.hint


def test_a_file_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match=r"mine\.jsonl"):
        read_suite(str(tmp_path / "mine.jsonl"))


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        (record(grader="exact_macth"), "did you mean exact_match?"),
        (record(grader="regex"), "must be a grader that needs no settings"),
        (record(grader={"kind": "python"}), "must be a grader that needs no settings"),
        ({"prompt": "Is it so?", "completion": 3}, "completion"),
    ],
)
def test_one_bad_row_refuses_the_suite_and_is_named(bad: dict[str, object], rule: str, tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", record(), bad)
    with pytest.raises(DataError, match="one of its rows") as caught:
        read_suite(path)
    [fault] = caught.value.faults
    assert fault.path.startswith(f"{path}:2")
    assert rule in str(fault)


def test_rows_that_are_no_conversations_are_no_suite(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be a conversation, got TextRow"):
        read_suite(write(tmp_path / "mine.jsonl", {"text": "Once upon a time."}))
