"""No operation that adds up in an order of its own: the same run must give the same bits every time.

On several CPU threads `index_put(accumulate=True)` and `scatter_add` add in whatever order the threads come, forward
or as the backward of an index with tensors: a probe gave 24 different gradients in 50 runs. `index_select`, whose
backward adds in order, does the same work.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.floors.source import PACKAGE, read_tree

ROOMS = ("train", "objectives", "models", "methods")
FORBIDDEN = {
    *("index_put", "index_put_", "_index_put_impl_", "put_", "scatter_add", "scatter_add_"),
    *("scatter_reduce", "scatter_reduce_", "masked_scatter_", "bincount", "histc"),
}


def find_unordered_sums(root: Path) -> list[str]:
    """Report uses of operations whose sums have no fixed order."""
    return [
        f"{file.where}:{node.lineno}: {node.attr} adds in no fixed order; use index_select or index_add in one thread"
        for file in read_tree(root)
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Attribute) and node.attr in FORBIDDEN
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_training_adds_in_one_order(room: str) -> None:
    assert read_tree(PACKAGE / room), f"no source in {room}"
    faults = find_unordered_sums(PACKAGE / room)
    assert not faults, "\n".join(faults)


def test_a_use_is_found(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def f(x, i, y):\n    return x.scatter_add(0, i, y)\n", encoding="utf-8")
    [fault] = find_unordered_sums(tmp_path)
    assert "bad.py:2: scatter_add" in fault
