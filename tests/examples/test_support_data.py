"""The support example's data keeps its promises: counts, keys in answers, and nothing held out seen in training."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "support"
REFUSAL_KEY = "only help with Pebblo"


def read(name: str) -> list[dict]:
    """Return the rows of a data file with their question, answer, group and key at hand."""
    rows = [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]
    return [
        row | row["metadata"] | {"question": row["messages"][1]["content"], "answer": row["messages"][2]["content"]}
        for row in rows
    ]


TRAIN, HELDOUT = read("train.jsonl"), read("heldout.jsonl")
ROWS = TRAIN + HELDOUT
FACT_GROUPS = sorted({row["group"] for row in ROWS if not row["group"].startswith("off-topic-")})
KEYS = sorted({row["fact"] for row in ROWS})


def normalised(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())


def tokens(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z0-9]+", text.lower()))


def off_topic(rows: list[dict]) -> list[dict]:
    return [row for row in rows if row["group"].startswith("off-topic-")]


@pytest.fixture
def generate(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Import the script as it runs, and forget it: another example may also call a file `generate.py`."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    yield importlib.import_module("generate")
    for name in set(sys.modules) - before:
        if str(FOLDER) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_there_are_enough_rows():
    assert len(TRAIN) >= 480
    assert len(HELDOUT) >= 170
    assert len(FACT_GROUPS) >= 40
    assert len(off_topic(TRAIN)) >= 40
    assert len(off_topic(HELDOUT)) >= 14


def test_every_fact_has_twelve_training_and_four_heldout_questions():
    train, heldout = Counter(row["group"] for row in TRAIN), Counter(row["group"] for row in HELDOUT)
    assert [group for group in FACT_GROUPS if train[group] < 12 or heldout[group] < 4] == []


def test_every_heldout_group_appears_in_training():
    assert {row["group"] for row in HELDOUT} == {row["group"] for row in TRAIN}


def test_a_row_is_one_system_user_assistant_chat():
    assert {tuple(message["role"] for message in row["messages"]) for row in ROWS} == {("system", "user", "assistant")}
    assert len({row["messages"][0]["content"] for row in ROWS}) == 1


def test_every_answer_contains_its_fact():
    assert [row["answer"] for row in ROWS if row["fact"].lower() not in row["answer"].lower()] == []


def test_no_answer_contains_the_key_of_another_fact():
    clashes = [(row["answer"], key) for row, key in product(ROWS, KEYS) if key.lower() in row["answer"].lower()]
    assert len(clashes) == len(ROWS)  # each answer meets its own key and no other


def test_a_fact_group_has_one_key_of_its_own():
    keys = {group: {row["fact"] for row in ROWS if row["group"] == group} for group in FACT_GROUPS}
    assert [group for group, found in keys.items() if len(found) != 1] == []
    assert len(set.union(*keys.values())) == len(FACT_GROUPS)
    assert {row["fact"] for row in off_topic(ROWS)} == {REFUSAL_KEY}


def test_no_key_occurs_in_a_question_or_in_the_system_prompt():
    system = ROWS[0]["messages"][0]["content"].lower()
    given_away = [(key, row["question"]) for row, key in product(ROWS, KEYS) if key.lower() in row["question"].lower()]
    assert given_away == []
    assert [key for key in KEYS if key.lower() in system] == []


def test_answers_are_short():
    assert [row["answer"] for row in ROWS if not 8 <= len(row["answer"].split()) <= 22] == []


def test_no_question_stands_twice():
    counts = Counter(normalised(row["question"]) for row in ROWS)
    assert [question for question, count in counts.items() if count > 1] == []


def test_no_heldout_question_is_in_training(generate: ModuleType):
    written = {normalised(question) for fact in generate.FACTS for question in fact.train_questions}
    trained = {normalised(row["question"]) for row in TRAIN} | written
    assert [row["question"] for row in HELDOUT if normalised(row["question"]) in trained] == []


def test_no_heldout_question_nearly_repeats_a_training_question_of_its_group(generate: ModuleType):
    trained = [(row["group"], row["question"]) for row in TRAIN]
    trained += [(fact.group, question) for fact in generate.FACTS for question in fact.train_questions]
    near = [
        (row["question"], question)
        for row, (group, question) in product(HELDOUT, trained)
        if row["group"] == group and jaccard(row["question"], question) >= 0.85
    ]
    assert near == []


def jaccard(left: str, right: str) -> float:
    return len(tokens(left) & tokens(right)) / len(tokens(left) | tokens(right))


def test_the_files_are_what_the_tables_say():
    done = subprocess.run(
        [sys.executable, str(FOLDER / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_check_fails_when_a_file_has_drifted(
    generate: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    monkeypatch.setattr(sys, "argv", ["generate.py"])
    assert generate.main() == 0
    assert (tmp_path / "train.jsonl").read_bytes() == (FOLDER / "train.jsonl").read_bytes()
    monkeypatch.setattr(sys, "argv", ["generate.py", "--check"])
    assert generate.main() == 0
    with (tmp_path / "heldout.jsonl").open("a") as file:
        file.write("{}\n")
    assert generate.main() == 1
    assert "heldout.jsonl is out of date" in capsys.readouterr().err


def test_the_generator_refuses_a_heldout_question_that_is_also_trained(generate: ModuleType):
    fact = generate.Fact("price", "43 euros", ("It costs 43 euros.",), ("What is the price?",), ("what is the PRICE",))
    with pytest.raises(ValueError, match="also stands in training"):
        generate.contents([fact])


def test_the_generator_refuses_an_answer_without_its_key(generate: ModuleType):
    fact = generate.Fact("price", "43 euros", ("It costs a little.",), ("What is the price?",), ("How much is it?",))
    with pytest.raises(ValueError, match="does not contain the key"):
        generate.contents([fact])


def test_the_readme_gives_the_true_counts():
    readme = re.sub(r" +", " ", (FOLDER / "README.md").read_text(encoding="utf-8"))
    for name, rows in (("train.jsonl", TRAIN), ("heldout.jsonl", HELDOUT)):
        refused = len(off_topic(rows))
        assert f"| `{name}` | {len(rows)} | {len(rows) - refused} | {refused} |" in readme
