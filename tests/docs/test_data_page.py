"""The page on data shows what the commands truly print: each of them runs here, in page order, in one folder.

The folder holds a copy of `examples/`. `UPDATE_DOCS=1` writes what is printed into the page instead of comparing.
Also held: the tables of formats, rules and options agree with the code.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import typer

from tests.docs.console import BLOCK, Shown, run_block, run_page, write_page
from tunewright.cli.app import app
from tunewright.data.checking.check import METHODS
from tunewright.data.formats.all import FORMATS, format_named
from tunewright.data.rows import RowFault
from tunewright.data.rules import RULES

REPO = Path(__file__).resolve().parents[2]
PAGE = REPO / "docs" / "data.md"
CLI_PAGE = REPO / "docs" / "reference" / "cli.md"

_CODE = re.compile(r"`([^`]+)`")
_OPTION = re.compile(r"--[a-z][a-z-]*")


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> list[list[Shown]]:
    """Return the console blocks of the page, run."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(REPO / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COLUMNS", "80")
        # The program calls itself as it was called; the page calls it by its name.
        patch.setattr("sys.argv", ["pytest"])
        return run_page(PAGE)


def test_every_command_of_the_page_prints_what_the_page_shows(blocks: list[list[Shown]]) -> None:
    if os.environ.get("UPDATE_DOCS"):
        write_page(PAGE, blocks)
        return
    differ = [each for block in blocks for each in block if each.printed != each.expected]
    for each in differ:
        assert each.printed == each.expected, f"$ {each.command}\n(UPDATE_DOCS=1 writes what is printed)"


def test_every_verb_is_run_on_the_page(blocks: list[list[Shown]]) -> None:
    words = [shlex.split(each.command.replace("\\\n", " ")) for block in blocks for each in block]
    assert {each[2] for each in words if each[:2] == ["tunewright", "data"]} == set(verbs())


def test_the_page_shows_no_defect_of_ours(blocks: list[list[Shown]]) -> None:
    printed = "\n".join(each.printed for block in blocks for each in block)
    assert "internal error" not in printed
    assert "Traceback" not in printed


def test_a_command_that_prints_something_else_is_found() -> None:
    block = "$ tunewright data check nothing.jsonl\nall is well\n$ echo $?\n0\n"
    shown, _ = run_block(block)
    assert shown[0].printed.startswith("error: nothing.jsonl does not exist")
    assert shown[0].printed != shown[0].expected
    assert shown[1].printed == "3"


def table(page: Path, num_columns: int) -> dict[str, list[str]]:
    """Return, of the tables with so many columns, the further cells of each row that begins with one `word`."""
    rows: dict[str, list[str]] = {}
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("| `") else []
        if len(cells) == num_columns and (match := _CODE.fullmatch(cells[0])):
            rows[match[1]] = cells[1:]
    return rows


def test_every_rule_is_in_the_table_with_its_severity_number_and_openai_code() -> None:
    documented = {kind: tuple(cells[:3]) for kind, cells in table(PAGE, 5).items()}
    ours = {
        kind: (rule.severity, rule.number, f"`{rule.openai_code}`" if rule.openai_code else "")
        for kind, rule in RULES.items()
    }
    assert documented == ours


def test_every_format_is_in_the_table_with_an_example_that_it_reads() -> None:
    documented = table(PAGE, 4)
    assert documented.keys() == {each.NAME for each in FORMATS}
    for name, (kind, keys, example) in documented.items():
        ours = format_named(name)
        record = orjson.loads(example.strip("`"))
        assert kind == ours.KIND.replace("_", " ")
        assert set(_CODE.findall(keys)) == set(ours.KEYS)
        assert [each.NAME for each in FORMATS if each.detect(record)] == [name]
        row = ours.read(record, "example.jsonl", 1)
        assert not (isinstance(row, list) and isinstance(row[0], RowFault)), row


def test_every_method_that_check_knows_is_named_on_the_page() -> None:
    named = set(_CODE.findall(BLOCK.sub("", PAGE.read_text(encoding="utf-8")).replace("```", "")))
    assert set(METHODS) <= named


def verbs() -> dict[str, Any]:
    """Return the verbs of `tunewright data`, each with its command."""
    root: Any = typer.main.get_command(app)
    return root.commands["data"].commands


def options_of(command: Any) -> Iterator[str]:
    """Yield the long names of a command's options, `--help` aside."""
    for parameter in command.params:
        yield from (name for name in parameter.opts if name.startswith("--") and name != "--help")


def test_every_option_of_every_data_verb_is_in_the_reference_and_no_other() -> None:
    documented = {name: cells for name, cells in table(CLI_PAGE, 3).items() if name.startswith("data ")}
    assert {f"data {verb}" for verb in verbs()} == documented.keys()
    for verb, command in verbs().items():
        named = set(_OPTION.findall(documented[f"data {verb}"][1]))
        assert named == set(options_of(command)), verb


def test_every_option_of_a_data_verb_is_explained() -> None:
    explained = {option for name in table(CLI_PAGE, 2) for option in _OPTION.findall(name)}
    assert {option for command in verbs().values() for option in options_of(command)} <= explained
