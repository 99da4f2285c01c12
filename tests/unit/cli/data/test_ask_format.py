"""Which format an ambiguous file has is asked at a terminal, of a run as of a data verb, and nowhere else."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from tunewright.cli.data.ask_format import with_formats
from tunewright.cli.data.source import opened
from tunewright.errors import DataError
from tunewright.spec.data import DataSpec, SourceSpec


class Terminal(io.StringIO):
    """A stream that says that it is one."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def both(tmp_path: Path) -> Path:
    path = tmp_path / "both.jsonl"
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    path.write_text(json.dumps({"messages": messages, "text": "Once."}) + "\n", encoding="utf-8")
    return path


def at_terminal(monkeypatch: pytest.MonkeyPatch, typed: str) -> Terminal:
    asked = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    monkeypatch.setattr(sys, "stderr", asked)
    return asked


def test_a_run_at_a_terminal_asks_until_the_answer_is_one(both: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = at_terminal(monkeypatch, "9\n2\n")
    spec = DataSpec(train=(SourceSpec(path=str(both)),), test=(SourceSpec(path=str(both), format="chat"),))
    chosen = with_formats(spec)
    assert chosen.train[0].format == "text"
    assert chosen.test[0].format == "chat"
    assert asked.getvalue().count("which format is it?") == 1
    assert "write a number from 1 to 2" in asked.getvalue()


def test_a_verb_at_a_terminal_asks_too(both: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_terminal(monkeypatch, "1\n")
    assert opened(SourceSpec(path=str(both))).format.NAME == "chat"


def test_elsewhere_nobody_is_asked(both: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = DataSpec(train=(SourceSpec(path=str(both)),))
    assert with_formats(spec) == spec
    with pytest.raises(DataError, match="could be of several formats: chat, text"):
        opened(SourceSpec(path=str(both)))


def test_a_file_that_cannot_be_read_is_left_to_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_terminal(monkeypatch, "")
    spec = DataSpec(train=(SourceSpec(path=str(tmp_path / "missing.jsonl")),))
    assert with_formats(spec) == spec
