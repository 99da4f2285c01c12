"""`data render`: what is taught is what a run would teach, marked with colour or without."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tiny import write_rows
from tunewright.cli import main


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "rows.jsonl", 5, system="Be brief.")


def render(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["data", "render", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_every_token_is_there_with_its_weight(rows: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = render(capsys, rows, "--model", tiny_model, "--rows", "2", "--json")
    [row] = json.loads(out)["rows"]
    assert (code, row["line"], row["num_tokens"]) == (0, 2, len(row["tokens"]))
    assert "".join(t["text"] for t in row["tokens"] if t["weight"] > 0) == "Code 1.<|end|>"
    assert row["num_taught"] == sum(t["weight"] > 0 for t in row["tokens"])


def test_the_first_rows_are_shown_and_what_is_taught_stands_between_marks(
    rows: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = render(capsys, rows, "--model", tiny_model)
    assert code == 0
    assert out.count("taught\n") == 3
    assert "⟦Code 0.<|end|>⟧" in out.replace("\n", "")


def test_borders_of_tokens_are_shown_if_asked_for(
    rows: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "C│o│d│e" in render(capsys, rows, "--model", tiny_model, "--tokens")[1].replace("\n", "")


def test_a_row_that_cannot_be_used_is_named_and_the_exit_code_says_so(
    rows: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with rows.open("a", encoding="utf-8") as file:
        file.write('{"messages": [{"role": "bot", "content": "x"}]}\n')
    code, out, _ = render(capsys, rows, "--model", tiny_model, "--rows", "6")
    assert code == 1
    assert "did you mean assistant?" in out.replace("\n", " ")


def test_another_template_can_be_tried(
    rows: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = tmp_path / "plain.jinja"
    template.write_text(
        "{% for m in messages %}{{ m.role }}: {{ m.content }}<|end|>{% endfor %}"
        "{% if add_generation_prompt %}assistant:{% endif %}",
        encoding="utf-8",
    )
    _, out, _ = render(capsys, rows, "--model", tiny_model, "--rows", "1", "--chat-template", template)
    assert "assistant:⟦ Code 0.<|end|>⟧" in out.replace("\n", "")


@pytest.mark.parametrize(("lines", "message"), [("x", "must be line numbers"), ("99", "has no record on these lines")])
def test_lines_that_are_none_are_an_error(
    rows: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str], lines: str, message: str
) -> None:
    code, _, err = render(capsys, rows, "--model", tiny_model, "--rows", lines)
    assert code == 2
    assert message in err


def test_text_of_the_data_does_not_reach_the_terminal_as_commands(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.jsonl"
    messages = [{"role": "user", "content": "a\x1b[2Jb"}, {"role": "assistant", "content": "c"}]
    path.write_text(json.dumps({"messages": messages}) + "\n", encoding="utf-8")
    assert "\x1b" not in render(capsys, path, "--model", tiny_model)[1]


def test_check_with_a_model_names_rows_over_its_context_and_the_answer_tokens_lost(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_rows(tmp_path / "rows.jsonl", 12)
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b" * 300}]
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"messages": messages}) + "\n")
    capsys.readouterr()
    code = main(["data", "check", str(path), "--model", str(tiny_model), "--json"])
    [finding] = [each for each in json.loads(capsys.readouterr().out)["findings"] if each["kind"] == "too_long"]
    assert (code, finding["line"], finding["number"]) == (0, 13, "V12")
    # <|user|>a<|end|><|assistant|> takes 4 of the 256 tokens; 300 and the end mark are taught.
    assert "49" in finding["value"] + finding["rule"]
