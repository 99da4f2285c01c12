"""Python files as the floors see them: a path relative to a root, the text, the syntax tree.

Knows nothing of any rule. The floors read the source and never import it, so they hold without torch installed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
PACKAGE = REPO / "src" / "tunewright"
SOURCE_ROOTS = (PACKAGE, REPO / "starter", REPO / "examples")


@dataclass(frozen=True)
class SourceFile:
    """One file; `where` is its path below the root that was read."""

    where: Path
    text: str
    tree: ast.Module


def read_tree(root: Path) -> list[SourceFile]:
    """Return every Python file below `root`, in a stable order; none if `root` does not exist."""
    files = (path for path in sorted(root.rglob("*.py")) if "__pycache__" not in path.parts)
    texts = ((path, path.read_text(encoding="utf-8")) for path in files)
    return [SourceFile(path.relative_to(root), text, ast.parse(text, str(path))) for path, text in texts]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method below `tree`, nested ones too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def write_tree(root: Path, files: dict[str, str]) -> Path:
    """Write `files` (path → text) below `root` and return it: small trees on which a floor proves that it can fail."""
    for where, text in files.items():
        path = root / where
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root
