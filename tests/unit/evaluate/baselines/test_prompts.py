"""Which system prompts are tried for which answers, and how the user's own are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.evaluate.baselines.rows import count_words, row, talk
from tunewright.data.rows import Message
from tunewright.errors import DataError, DataMissingError
from tunewright.evaluate.baselines.asked import Room
from tunewright.evaluate.baselines.prompts import (
    Shape,
    SystemPrompt,
    ZeroShot,
    default_prompts,
    labels_of,
    read_prompts,
    shape_of,
)

REFERENCES: dict[Shape, list[str]] = {
    "free": ["It is in the north.", "Nobody knows that.", "Ask again tomorrow, please."],
    "label": ["billing", "Billing", "refund", "refund", "refund", "refund", "billing", "billing."],
    "json": ['{"name": "a", "age": 3}', '{"name": "b", "town": null}', "[]"],
    "number": ["3", "-4.5", "1,200", "12 km", "$7", "3e5", "40 %"],
}


@pytest.mark.parametrize("shape", list(REFERENCES))
def test_the_shape_is_seen_in_the_answers(shape: Shape) -> None:
    assert shape_of(REFERENCES[shape]) == shape


@pytest.mark.parametrize(
    ("references", "shape"),
    [
        ([], "free"),
        (["yes"] * 2, "free"),
        (["yes"] * 3, "label"),
        (["1", "2"] * 4, "label"),
        (["{broken", "{}"], "free"),
        (['"text"', "3"], "free"),
        (["one two three four five six seven"] * 8, "free"),
        ([""] * 4, "free"),
        (["", "yes", "yes", "yes", "yes"], "label"),
    ],
)
def test_the_shape_of_doubtful_answers(references: list[str], shape: Shape) -> None:
    assert shape_of(references) == shape


def test_every_shape_has_several_prompts_of_different_names_and_texts() -> None:
    for shape, references in REFERENCES.items():
        prompts = default_prompts(references)
        assert len(prompts) >= 3
        assert len({p.name for p in prompts}) == len({p.text for p in prompts}) == len(prompts)
        assert [p.text for p in prompts] == [p.text for p in default_prompts(references, shape)]


def test_prompts_for_labels_name_each_label_once() -> None:
    assert labels_of(REFERENCES["label"]) == ["billing", "refund"]
    for prompt in default_prompts(REFERENCES["label"]):
        assert prompt.text.count("billing") == prompt.text.count("refund") == 1


def test_prompts_for_labels_name_all_of_them_however_many() -> None:
    labels = [f"class {n}" for n in range(80)]
    assert all("class 79" in prompt.text for prompt in default_prompts(labels, "label"))


def test_prompts_for_json_name_the_fields() -> None:
    assert all("name, age, town" in prompt.text for prompt in default_prompts(REFERENCES["json"]))


def test_prompts_for_text_name_the_usual_length() -> None:
    texts = {prompt.name: prompt.text for prompt in default_prompts(["word " * n for n in range(1, 12)])}
    assert "at most 10 words" in texts["length"]


def test_prompts_for_a_shape_do_without_answers() -> None:
    shapes: list[Shape] = ["free", "label", "json", "number"]
    assert all(default_prompts([], shape) for shape in shapes)


def test_a_system_prompt_is_joined_to_the_row_s_own() -> None:
    prompt = SystemPrompt("Be brief.", "brief")
    assert prompt.ask(row("q", "a")).messages == (Message("system", "Be brief."), Message("user", "q"))
    assert prompt.ask(row("q", "a", system="Be kind.")).messages[0].content == "Be kind.\n\nBe brief."
    assert prompt.settings == {"prompt": "brief", "system_prompt": "Be brief."}


def test_zero_shot_is_the_row_s_own_prompt_shortened_only_by_old_turns() -> None:
    asked_row = talk("old question", "old answer", "new question", "reference")
    assert ZeroShot().ask(asked_row).messages == asked_row.prompt
    asked = ZeroShot(room=Room(count_words, 8)).ask(asked_row)
    assert asked.messages == asked_row.prompt[-1:]
    assert asked.note == "2 of 2 earlier turns left out: 14 tokens do not fit 8"
    assert (ZeroShot().kind, ZeroShot(name="tuned", kind="tuned").kind) == ("base", "tuned")


def test_a_text_file_is_one_prompt_named_after_it(tmp_path: Path) -> None:
    path = tmp_path / "polite.txt"
    path.write_text("\ufeffBe polite.\nAlways.\n", encoding="utf-8")
    assert [(p.name, p.text) for p in read_prompts(path)] == [("polite", "Be polite.\nAlways.")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind: Be kind.\n2: |\n  Be brief.\n", [("kind", "Be kind."), ("2", "Be brief.")]),
        ("- Be kind.\n- Be brief.\n", [("mine 1", "Be kind."), ("mine 2", "Be brief.")]),
    ],
)
def test_a_yaml_file_holds_several(tmp_path: Path, text: str, expected: list[tuple[str, str]]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    assert [(p.name, p.text) for p in read_prompts(path)] == expected


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("a.txt", b"  \n", "the system prompt 'a' is empty"),
        ("a.txt", b"\xff\xfe\xfa", "must be UTF-8"),
        ("a.yaml", b"a: [", "is not YAML"),
        ("a.yaml", b"text", "must hold a mapping from names to texts, or a list of texts, got str"),
        ("a.yaml", b"{}", "must hold a mapping"),
        ("a.yaml", b"a: 3", "the system prompt 'a' must be text, got int"),
        ("a.yml", b"- ''", "the system prompt 'a 1' is empty"),
    ],
)
def test_a_file_that_holds_no_prompts_is_refused_by_name(tmp_path: Path, name: str, raw: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(DataError, match=message):
        read_prompts(tmp_path / name)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match="cannot be opened"):
        read_prompts(tmp_path / "none.txt")
