"""Recipes as text: YAML in, YAML out, `--set a.b=c` on top.

Only what the user wrote is in the tree that overrides work on, so a default never fights a change of `kind`.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from tunewright.errors import Fault, RecipeError
from tunewright.spec.node import Variant
from tunewright.spec.recipe import Recipe, build_recipe

Tree = dict[str, Any]

_RETIRED = (("evaluate", "num_samples"),)
"""Keys (node, key) that recipes of older runs have and that mean nothing any more."""


def read_tree(path: Path) -> Tree:
    """Return the tree of plain values in a YAML file.

    Raises:
        RecipeError: if the file is missing, not YAML, or not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise RecipeError(f"{path}: no such recipe file", hint="check the path, or write one: see recipes/") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read: {error}", hint="a recipe is a UTF-8 text file") from error
    return parse_tree(text, origin=str(path))


def parse_tree(text: str, *, origin: str = "recipe") -> Tree:
    """Return the tree of plain values in a YAML text.

    Raises:
        RecipeError: if the text is not YAML or not a mapping.
    """
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(
            f"{origin}: is not YAML: {' '.join(str(error).split())}", hint="mind indents and colons"
        ) from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise RecipeError(
            f"{origin}: must be a mapping of keys, got {type(tree).__name__}",
            hint="start with e.g. `model: {source: starter}`",
        )
    return tree


def override(tree: Tree, settings: Iterable[str]) -> Tree:
    """Return a copy of `tree` with each `path=value` applied in order; values are YAML.

    Changing a `kind` drops the keys of the former kind. All malformed settings are reported together.

    Raises:
        RecipeError: if a setting has no `=`, an empty path, or leads through a plain value.
    """
    changed = deepcopy(tree)
    faults: list[Fault] = []
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals or not all(part.strip() for part in path.split(".")):
            faults.append(Fault("--set", "must look like path=value", repr(setting), "e.g. train.learning_rate=1e-4"))
            continue
        try:
            value = yaml.safe_load(text) if text else None
        except yaml.YAMLError:
            value = text
        fault = _assign(changed, [part.strip() for part in path.split(".")], value)
        faults += [fault] if fault else []
    if faults:
        raise RecipeError("a --set cannot be applied", faults=tuple(faults))
    return changed


def _assign(tree: Tree, path: list[str], value: Any) -> Fault | None:
    node = tree
    for depth, key in enumerate(path[:-1]):
        # An empty section (`train:`) is written in YAML as null.
        child = node[key] = {} if node.get(key) is None else node[key]
        if not isinstance(child, dict):
            return Fault(f"--set {'.'.join(path)}", f"{'.'.join(path[: depth + 1])} is a plain value", repr(child))
        node = child
    if path[-1] == "kind" and len(path) == 2 and _former_variant(path[0], node) not in (None, value):
        node.clear()
    node[path[-1]] = value
    return None


def _former_variant(section: str, node: Tree) -> str | None:
    """Return the variant that a section has so far, written or by default; None where `kind` is a mere value."""
    default = getattr(Recipe(), section, None)
    return node.get("kind", getattr(default, "kind", None)) if isinstance(default, Variant) else None


def load_recipe(path: Path, settings: Iterable[str] = ()) -> Recipe:
    """Return the Recipe in a YAML file with overrides applied.

    Raises:
        RecipeError: as `read_tree`, `override` and `build_recipe` do.
    """
    return build_recipe(override(read_tree(path), settings), origin=str(path))


def load_kept_recipe(path: Path) -> Recipe:
    """Return the Recipe that a run kept, whichever version of this program wrote it: keys that are gone are left out.

    Raises:
        RecipeError: as `read_tree` and `build_recipe` do.
    """
    tree = read_tree(path)
    for node, key in _RETIRED:
        part = tree.get(node)
        if isinstance(part, dict):
            part.pop(key, None)
    return build_recipe(tree, origin=str(path))


def dump_recipe(recipe: Recipe) -> str:
    """Return the recipe as YAML; `build_recipe(parse_tree(dump_recipe(r))) == r`."""
    tree = recipe.model_dump(mode="json")
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def recipe_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a recipe, for completion in editors."""
    schema = Recipe.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Tunewright recipe"}


class _Dumper(yaml.SafeDumper):
    """Writes the line breaks of Unicode as escapes: PyYAML writes them plain and reads them back as a space."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    has_break = any(character in text for character in "\x85\u2028\u2029")
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if has_break else None)


_Dumper.add_representer(str, _represent_text)
