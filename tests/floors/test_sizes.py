"""Sizes beyond which code stops being readable, and marks of unfinished work; held over all that we ship or run.

Limits are those of the house style. Nesting counts for/while/if/try/match inside one function; `with` does not count,
because it adds no path through the code, and an elif chain counts once. A nested function is measured on its own.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.floors.source import PACKAGE, SOURCE_ROOTS, functions, read_tree, write_tree

MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 80
MAX_NESTING = 3
MAX_POSITIONAL = 5

BRANCHES = (ast.For, ast.AsyncFor, ast.While, ast.If, ast.Try, ast.TryStar, ast.Match)
BARE_TODO = re.compile(r"\bTODO\b(?!\((#\d+|https?://[^)\s]+)\))")


# ── the rules ────────────────────────────────────────────────────────────────────────────────────────────────────────


def find_long_files(root: Path) -> list[str]:
    """Report files of more than 600 lines."""
    lengths = ((file.where, len(file.text.splitlines())) for file in read_tree(root))
    return [f"{where}: {lines} lines, at most {MAX_FILE_LINES}" for where, lines in lengths if lines > MAX_FILE_LINES]


def find_long_functions(root: Path) -> list[str]:
    """Report functions of more than 80 lines, signature and docstring included, decorators not."""
    return [
        f"{where}:{function.lineno}: {function.name} has {lines} lines, at most {MAX_FUNCTION_LINES}"
        for where, function in _functions(root)
        if (lines := (function.end_lineno or function.lineno) - function.lineno + 1) > MAX_FUNCTION_LINES
    ]


def find_deep_nesting(root: Path) -> list[str]:
    """Report functions with more than three branches inside one another."""
    return [
        f"{where}:{function.lineno}: {function.name} nests {depth} deep, at most {MAX_NESTING}"
        for where, function in _functions(root)
        if (depth := max(map(_depth, function.body))) > MAX_NESTING
    ]


def find_long_signatures(root: Path) -> list[str]:
    """Report more than five parameters before the keyword-only ones; self and cls are not counted."""
    return [
        f"{where}:{function.lineno}: {function.name} takes {count} positional parameters, at most {MAX_POSITIONAL}"
        for where, function in _functions(root)
        if (count := _num_positional(function)) > MAX_POSITIONAL
    ]


def find_bare_todos(root: Path) -> list[str]:
    """Report a TODO in a comment or docstring that does not say where it is tracked: `TODO(#12)`, `TODO(https://…)`."""
    return [
        f"{file.where}:{line}: a TODO names its issue: TODO(#12)"
        for file in read_tree(root)
        for line, text in [*_comments(file.text), *_docstrings(file.tree)]
        if BARE_TODO.search(text)
    ]


def find_bare_excepts(root: Path) -> list[str]:
    """Report `except:`, which also swallows Ctrl-C."""
    return [
        f"{file.where}:{node.lineno}: bare except"
        for file in read_tree(root)
        for node in ast.walk(file.tree)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]


RULES = (
    find_long_files,
    find_long_functions,
    find_deep_nesting,
    find_long_signatures,
    find_bare_todos,
    find_bare_excepts,
)


# ── the source obeys them ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("root", SOURCE_ROOTS, ids=lambda root: root.name)
@pytest.mark.parametrize("find", RULES)
def test_source_obeys(find: Callable[[Path], list[str]], root: Path) -> None:
    assert read_tree(PACKAGE), f"no source below {PACKAGE}"
    faults = find(root)
    assert not faults, "\n".join(faults)


# ── the rules can fail ───────────────────────────────────────────────────────────────────────────────────────────────


FOUR_DEEP = """
def f(rows):
    for row in rows:
        while row:
            if row:
                try:
                    pass
                finally:
                    pass
"""
THREE_DEEP_WITH_WITHS = """
def f(rows):
    for row in rows:
        with row:
            while row:
                with row:
                    if row:
                        def g():
                            for x in row:
                                pass
"""
ELSE_IF_LADDER = """
def f(a):
    if a == 0:
        pass
    else:
        if a == 1:
            pass
        else:
            if a == 2:
                pass
            else:
                if a == 3:
                    pass
"""
ELIF_CHAIN = """
def f(a):
    if a == 0:
        pass
    elif a == 1:
        pass
    elif a == 2:
        pass
    elif a == 3:
        pass
"""

BOUNDARIES = [
    (find_long_files, "x = 1\n" * 601, "x = 1\n" * 600),
    (find_long_functions, "def f():\n" + "    x = 1\n" * 80, "@a\ndef f():\n" + "    x = 1\n" * 79),
    (find_deep_nesting, FOUR_DEEP, THREE_DEEP_WITH_WITHS),
    (find_deep_nesting, ELSE_IF_LADDER, ELIF_CHAIN),
    (find_long_signatures, "def f(a, b, c, d, e, g): pass", "def f(a, b, c, d, e, *, g, h): pass"),
    (
        find_long_signatures,
        "class A:\n    @staticmethod\n    def f(a, b, c, d, e, g): pass",
        "class A:\n    def f(self, a, b, c, d, /, e): pass",
    ),
    (find_bare_todos, "# TODO: later", "# TODO(#12): later\nx = 'TODO'"),
    (find_bare_todos, '"""TODO later."""', '"""TODO(https://example.org/1) later."""'),
    (find_bare_excepts, "try:\n    x\nexcept:\n    pass", "try:\n    x\nexcept OSError:\n    pass"),
]


@pytest.mark.parametrize(("find", "wrong", "right"), BOUNDARIES)
def test_rule_fails_just_beyond_its_limit(
    find: Callable[[Path], list[str]], wrong: str, right: str, tmp_path: Path
) -> None:
    assert len(find(write_tree(tmp_path / "wrong", {"a.py": wrong}))) == 1
    assert find(write_tree(tmp_path / "right", {"a.py": right})) == []


# ── measuring ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _functions(root: Path) -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for file in read_tree(root):
        for function in functions(file.tree):
            yield file.where, function


def _depth(node: ast.AST) -> int:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return 0
    inside = (
        _depth(child) - (isinstance(node, ast.If) and _is_elif(node, child)) for child in ast.iter_child_nodes(node)
    )
    return max(inside, default=0) + isinstance(node, BRANCHES)


def _is_elif(node: ast.If, child: ast.AST) -> bool:
    """Tell `elif` from `else: if`: the tree is the same, the column is not."""
    return isinstance(child, ast.If) and node.orelse == [child] and child.col_offset == node.col_offset


def _num_positional(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    names = [arg.arg for arg in [*function.args.posonlyargs, *function.args.args]]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def _comments(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield getattr(node, "lineno", 1), ast.get_docstring(node) or ""
