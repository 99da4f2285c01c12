"""From flags, a recipe file or the shipped example to the raw tree that `--set` and the recipe's checks work on.

Values stay as the user typed them: the recipe alone knows types and limits, and reports all faults under its own keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunewright.cli.example import example_tree
from tunewright.spec.recipe_yaml import read_tree

Tree = dict[str, Any]


def tree_of_flags(flags: Mapping[str, str | list[str] | None]) -> Tree:
    """Return the tree of dotted recipe keys; a flag that was not given leaves no trace."""
    tree: Tree = {}
    for key, value in flags.items():
        if value is None or value == []:
            continue
        *parents, leaf = key.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    return tree


def tree_of_file(recipe: str, output: str | None) -> Tree:
    """Return the tree of a recipe file with the output folder of the command line."""
    return _with_output(read_tree(Path(recipe)), output)


def tree_of_example(output: str | None) -> Tree:
    """Return the tree of the shipped example, named as the default run folder will be."""
    return _with_output({**example_tree(), "name": "quickstart"}, output)


def _with_output(tree: Tree, output: str | None) -> Tree:
    return tree if output is None else {**tree, "output": output}
