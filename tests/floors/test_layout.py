"""Every file says what it is: a docstring opens it, a room's `__init__` states its question, a name names an idea."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.floors.source import PACKAGE, SOURCE_ROOTS, read_tree, write_tree

# Names that hold anything, and so end up holding everything.
EMPTY_NAMES = frozenset({"util", "utils", "helper", "helpers", "misc", "common", "manager", "managers"})


def find_files_without_docstring(root: Path) -> list[str]:
    """Report files that do not open with a docstring."""
    return [f"{file.where}: no docstring opens it" for file in read_tree(root) if not ast.get_docstring(file.tree)]


def find_rooms_without_question(root: Path) -> list[str]:
    """Report folders with code but without an `__init__` whose docstring says what the room is for."""
    stated = {file.where.parent for file in read_tree(root) if file.where.name == "__init__.py" and _says(file.tree)}
    folders = {file.where.parent for file in read_tree(root)}
    return [f"{folder}: no __init__.py with a docstring" for folder in sorted(folders - stated)]


def find_empty_names(root: Path) -> list[str]:
    """Report files and folders whose name, or the last word of it, names no idea: utils.py, text_utils.py."""
    return [
        f"{file.where}: '{part}' names no idea"
        for file in read_tree(root)
        for part in file.where.with_suffix("").parts
        if part.rpartition("_")[2] in EMPTY_NAMES
    ]


def _says(tree: ast.Module) -> bool:
    return bool((ast.get_docstring(tree) or "").strip())


@pytest.mark.parametrize("root", SOURCE_ROOTS, ids=lambda root: root.name)
@pytest.mark.parametrize("find", [find_files_without_docstring, find_empty_names])
def test_source_obeys(find: Callable[[Path], list[str]], root: Path) -> None:
    faults = find(root)
    assert not faults, "\n".join(faults)


def test_every_room_states_its_question() -> None:
    assert read_tree(PACKAGE), f"no source below {PACKAGE}"
    faults = find_rooms_without_question(PACKAGE)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("find", "wrong", "right"),
    [
        (find_files_without_docstring, {"a.py": "x = 1"}, {"a.py": '"""What it does."""'}),
        (find_files_without_docstring, {"a.py": ""}, {"a.py": '"""What it does."""\nx = 1'}),
        (find_rooms_without_question, {"__init__.py": '"""P."""', "data/a.py": ""}, {"__init__.py": '"""P."""'}),
        (find_rooms_without_question, {"__init__.py": ""}, {"__init__.py": '"""Which rows?"""', "a.py": ""}),
        (find_empty_names, {"data/utils.py": ""}, {"data/split.py": ""}),
        (find_empty_names, {"helpers/split.py": ""}, {"data/common_prefix.py": ""}),
        (find_empty_names, {"data/run_manager.py": ""}, {"data/run.py": ""}),
    ],
)
def test_rule_can_fail(
    find: Callable[[Path], list[str]], wrong: dict[str, str], right: dict[str, str], tmp_path: Path
) -> None:
    assert len(find(write_tree(tmp_path / "wrong", wrong))) == 1
    assert find(write_tree(tmp_path / "right", right)) == []
