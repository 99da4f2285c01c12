"""What the documents say is so: keys and defaults, error codes, events, metrics, links, and every command's flags.

Reads the documents and the code that they speak of; runs no job and needs no torch.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from tunewright.cli.app import app
from tunewright.errors import TunewrightError, exit_code, http_status
from tunewright.runs.events import Event
from tunewright.runs.metrics import MetricsRow
from tunewright.spec.faults import key_paths
from tunewright.spec.recipe import Recipe

REPO = Path(__file__).resolve().parents[2]
REFERENCE = REPO / "docs" / "reference"
PAGES = sorted(
    path
    for pattern in ("README.md", "CONTRIBUTING.md", "docs/**/*.md", "examples/**/README.md", "recipes/README.md")
    for path in REPO.glob(pattern)
)
# Understood anywhere on the line, before the verb's own flags are read.
EVERYWHERE = frozenset({"--debug", "--help", "-h"})
# Verbs whose first word is an argument of one of their own verbs, unless it names another.
BY_DEFAULT = {"eval": "RUN"}
# Every event has these; the page says so once.
_COMMON = frozenset({"type", "time"})

_FENCE = re.compile(r"^[ \t]*```(\w*)[^\n]*\n(.*?)^[ \t]*```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_QUOTED = re.compile(r"`([^`]+)`")
_OPTION = re.compile(r"--[a-z-]+")
_RUN = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?(tunewright\b.*)")


def table_rows(page: Path) -> Iterator[list[str]]:
    """Yield the cells of every table row of a page."""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def rows_by_code(page: Path, num_columns: int) -> dict[str, list[str]]:
    """Return, of the tables with so many columns, the further cells of each row whose first cell is one `word`."""
    found = ((_QUOTED.fullmatch(cells[0]), cells[1:]) for cells in table_rows(page) if len(cells) == num_columns)
    return {match[1]: cells for match, cells in found if match}


def broken_links(page: Path) -> list[str]:
    """Return the relative links of a page that lead nowhere: to no file, or to no heading of it."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return [link for link in _LINK.findall(text) if not re.match(r"[a-z]+:", link) and not _leads(page, link)]


def _leads(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = page.parent / name if name else page
    return target.exists() and (not anchor or anchor in _anchors(target))


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands_in(text: str) -> Iterator[list[str]]:
    """Yield the words of each `tunewright …` command in the shell blocks of a page."""
    for language, block in _FENCE.findall(text):
        if language not in {"sh", "bash", "shell", "console"}:
            continue
        for line in block.replace("\\\n", " ").splitlines():
            if match := _RUN.match(line.strip()):
                words = shlex.split(match[1], comments=True)
                ends = [words.index(sign) for sign in ("|", ">", "&&", ";") if sign in words]
                yield words[: min(ends, default=len(words))]


def command_faults(words: list[str]) -> list[str]:
    """Return what the command line would not understand: an unknown verb, or an unknown flag of it.

    Verbs may have verbs of their own, as `data check` has; a folder stands for the verb `RUN` of `eval`.
    """
    command: Any = typer.main.get_command(app)
    flags = [word.partition("=")[0] for word in words[1:] if re.match(r"--?[a-z]", word)]
    for word in words[1:]:
        if word.startswith("-"):
            continue
        if not hasattr(command, "commands"):
            break
        word = word if word in command.commands else BY_DEFAULT.get(command.name, word)
        if word not in command.commands:
            return [f"no verb {word}: {' '.join(words)}"]
        command = command.commands[word]
    known = EVERYWHERE | {option for parameter in command.params for option in parameter.opts}
    return [f"no flag {flag}: {' '.join(words)}" for flag in flags if flag not in known]


def options_of(words: str) -> Iterator[str]:
    """Yield the long names of the options of a verb, which is named as the reference does."""
    command: Any = typer.main.get_command(app)
    for word in words.split():
        if not hasattr(command, "commands"):
            break
        command = command.commands[word if word in command.commands else BY_DEFAULT[command.name]]
    for parameter in command.params:
        yield from (name for name in parameter.opts if name.startswith("--"))


def error_classes(root: type[TunewrightError] = TunewrightError) -> Iterator[type[TunewrightError]]:
    yield root
    for child in root.__subclasses__():
        yield from error_classes(child)


def leaf_values(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from leaf_values(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def says(cell: str, value: Any) -> bool:
    """Whether a table cell states this default."""
    text = cell.strip("`")
    if value is None:
        return text in {"auto", "none"}
    if isinstance(value, bool):
        return text == str(value).lower()
    return float(text) == value if isinstance(value, int | float) else text == value


def test_every_recipe_key_is_explained_and_no_other() -> None:
    assert rows_by_code(REFERENCE / "recipe.md", 4).keys() == set(key_paths(Recipe))


def test_every_default_of_a_recipe_is_the_documented_one() -> None:
    documented = rows_by_code(REFERENCE / "recipe.md", 4)
    plain = {
        key: value for key, value in leaf_values(Recipe().model_dump()) if value not in ("", ()) and key != "output"
    }
    assert len(plain) > 30
    wrong = {key: documented[key][0] for key, value in plain.items() if not says(documented[key][0], value)}
    assert not wrong


def test_every_error_code_is_explained_with_its_exit_code_and_status() -> None:
    documented = {code: cells[:2] for code, cells in rows_by_code(REFERENCE / "errors.md", 5).items()}
    ours = [each for each in error_classes() if each.__module__ == "tunewright.errors"]
    assert documented == {
        each.code: [
            str(
                exit_code(each("")),
            ),
            str(http_status(each(""))),
        ]
        for each in ours
    }


def test_every_event_is_explained_with_all_its_fields() -> None:
    ours = {event.model_fields["type"].default: event for event in get_args(get_args(Event)[0])}
    documented = rows_by_code(REFERENCE / "run-folder.md", 3)
    assert documented.keys() == ours.keys()
    for name, event in ours.items():
        assert _QUOTED.findall(documented[name][0]) == [field for field in event.model_fields if field not in _COMMON]


def test_every_metrics_field_is_explained() -> None:
    assert set(MetricsRow.model_fields) == rows_by_code(REFERENCE / "run-folder.md", 2).keys()


@pytest.mark.parametrize("verb", ["eval RUN", "eval human", "advise", "compare RUN RUN …"])
def test_every_option_of_a_verb_that_measures_is_in_the_reference_and_explained(verb: str) -> None:
    listed, explained = (rows_by_code(REFERENCE / "cli.md", columns) for columns in (3, 2))
    ours = {name for name in options_of(verb) if name != "--help"}
    everywhere = {"--data", "--model", "--validation", "--test", "--output", "--json", "--quiet"}
    assert set(_OPTION.findall(listed[verb][1])) == ours
    assert ours - everywhere <= {option for name in explained for option in _OPTION.findall(name)}


def test_every_exit_code_of_the_tree_is_in_the_reference_of_the_command_line() -> None:
    named = {cells[0] for cells in table_rows(REFERENCE / "cli.md") if len(cells) == 2 and cells[0].isdigit()}
    ours = {str(exit_code(each(""))) for each in error_classes() if each.__module__ == "tunewright.errors"}
    assert ours <= named


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    assert not broken_links(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))
def test_every_documented_command_is_understood(page: Path) -> None:
    commands = list(commands_in(page.read_text(encoding="utf-8")))
    assert [fault for words in commands for fault in command_faults(words)] == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    page.write_text("# Auto values\n[x](a.md#auto-values) [x](#no) [x](b.md) [x](https://x.org)\n", encoding="utf-8")
    assert broken_links(page) == ["#no", "b.md"]


def test_a_command_that_does_not_exist_is_found() -> None:
    text = "```sh\ntunewright finetune --data a --epoch 3 # --no\ntunewright fly\ntunewright runs | cat --x\n"
    text += "tunewright data check a.jsonl --strict\ntunewright data fly a\ntunewright data split a --strict\n"
    text += "tunewright eval RUN --json\ntunewright eval RUN --raters 2\ntunewright eval human RUN --raters 2\n```\n"
    commands = list(commands_in(text + "```yaml\ntunewright: fly\n```\n"))
    assert [words[1] for words in commands] == ["finetune", "fly", "runs", *3 * ["data"], *3 * ["eval"]]
    assert [fault.partition(":")[0] for words in commands for fault in command_faults(words)] == [
        "no flag --epoch",
        "no verb fly",
        "no verb fly",
        "no flag --strict",
        "no flag --raters",
    ]
    assert any(commands_in((REPO / "docs" / "tour.md").read_text(encoding="utf-8")))
