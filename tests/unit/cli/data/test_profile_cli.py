"""`tunewright data profile`: what a person reads, what a script reads, and the page, each against a golden.

`UPDATE_GOLDENS=1 pytest tests/unit/cli/data/test_profile_cli.py` writes the goldens anew; read the difference.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import typer
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from tunewright.cli.data.profile import profile
from tunewright.data.rows import AnyRow, Row
from tunewright.errors import RecipeError

GOLDENS = Path(__file__).parents[3] / "golden" / "data_profile"

app = typer.Typer()
app.command()(profile)


@dataclass(frozen=True)
class Words:
    """A training row of the fake encoder."""

    ids: np.ndarray
    weights: np.ndarray


class WordEncoder:
    """One token for each word and one for each role; what assistants say is taught."""

    name = "words"
    context_tokens = 48

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def encode(self, row: AnyRow) -> list[Words]:
        assert isinstance(row, Row)
        tokens: list[tuple[str, float]] = []
        for message in row.messages:
            taught = message.weight if message.role == "assistant" else 0.0
            tokens.append((f"<{message.role}>", 0.0))
            tokens += [(word, taught) for word in message.said.split()]
        ids = [self._ids.setdefault(word, len(self._ids)) for word, _ in tokens]
        weights = [weight for _, weight in tokens]
        return [Words(np.array(ids, dtype=np.int32), np.array(weights, dtype=np.float32))]


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model is the word encoder."""
    models = ModuleType("tunewright.jobs.data")
    models.encoder_for_model = lambda name: WordEncoder()  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "tunewright.jobs.data", models)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work beside a copy of the golden rows, so that paths in the output are short."""
    shutil.copy(GOLDENS / "rows.jsonl", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def called(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["rows.jsonl", *arguments])


def said(*arguments: str) -> str:
    result = called(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def check(name: str, text: str) -> None:
    golden = GOLDENS / name
    if os.environ.get("UPDATE_GOLDENS"):
        golden.write_text(text, encoding="utf-8", newline="\n")
    assert text == golden.read_text(encoding="utf-8")


def without_style(page: str) -> str:
    """Return a page without its colours: those are looked at, not compared."""
    return re.sub(r"<style>.*?</style>", "<style></style>", page, flags=re.DOTALL)


def test_terminal_text_without_a_model() -> None:
    check("plain.txt", said())


def test_terminal_text_with_a_model(words: None) -> None:
    check("words.txt", said("--model", "words", "--max-length", "24", "--epochs", "3", "--batch-size", "4"))


def test_json_without_a_model() -> None:
    check("plain.json", said("--json"))


def test_json_with_a_model(words: None) -> None:
    check("words.json", said("--json", "--model", "words", "--max-length", "24"))


def test_page_without_a_model(folder: Path) -> None:
    said("--html", "page.html")
    check("plain.html", without_style((folder / "page.html").read_text(encoding="utf-8")))


def test_page_with_a_model(folder: Path, words: None) -> None:
    said("-o", "page.html", "--model", "words", "--max-length", "24")
    check("words.html", without_style((folder / "page.html").read_text(encoding="utf-8")))


def test_no_line_is_wider_than_eighty_columns(words: None) -> None:
    for line in said("--model", "words", "--max-length", "24").splitlines():
        assert cell_len(line) <= 80, line


def test_wide_letters_and_long_labels_fit_eighty_columns(folder: Path) -> None:
    answers = ["十二克朗" * 20, "yes", "\x1b[31mred\x07 " + "x" * 300]
    rows = [
        {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": answers[number % 3]}]}
        for number in range(30)
    ]
    text = "\n".join(json.dumps(row) for row in rows)
    (folder / "rows.jsonl").write_text(text, encoding="utf-8")
    output = said()
    assert max(cell_len(line) for line in output.splitlines()) <= 80
    assert "\x1b" not in output
    assert "\x07" not in output


def test_several_files_are_one_set_and_listed(folder: Path) -> None:
    shutil.copy(folder / "rows.jsonl", folder / "more.jsonl")
    found = json.loads(said("more.jsonl", "--json"))
    assert found["num_records"] == 26
    assert [source["path"] for source in found["sources"]] == ["rows.jsonl", "more.jsonl"]
    assert "more.jsonl: chat, 12 rows, 1 unusable" in said("more.jsonl")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--html", "page.jsonl"], "must end in .html"),
        (["--max-length", "100"], "needs --model"),
        (["--epochs", "0"], "the run has 1 fault"),
    ],
)
def test_a_wrong_argument_is_named_and_nothing_is_written(folder: Path, arguments: list[str], named: str) -> None:
    error = called(*arguments).exception
    assert isinstance(error, RecipeError)
    assert named in error.message
    assert [file.name for file in folder.iterdir()] == ["rows.jsonl"]
