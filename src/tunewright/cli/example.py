"""Where the shipped support example lies: inside an installed wheel, or beside `src` in a clone.

Only this example resolves its own data files; in any other recipe a relative path is relative to the current folder.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from tunewright.errors import RunMissingError
from tunewright.spec.recipe_yaml import read_tree

_NAME = "support"


def example_folder() -> Path:
    """Return the folder of the example.

    Raises:
        RunMissingError: if the installation lacks it.
    """
    package = Path(str(resources.files("tunewright")))
    for folder in (package / "examples" / _NAME, package.parent.parent / "examples" / _NAME):
        if (folder / "recipe.yaml").is_file():
            return folder
    raise RunMissingError(
        f"the support example is not part of this installation: {package / 'examples' / _NAME} has no recipe.yaml",
        hint="install the wheel again, or run in a clone of the repository",
    )


def example_tree() -> dict[str, Any]:
    """Return the example's recipe as plain values, its data files as absolute paths."""
    folder = example_folder()
    tree = read_tree(folder / "recipe.yaml")
    data = tree.get("data", {})
    for role in ("train", "validation", "test"):
        if role in data:
            data[role] = [_resolved(source, folder) for source in _listed(data[role])]
    return tree


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _resolved(source: Any, folder: Path) -> Any:
    if isinstance(source, dict):
        return {**source, "path": str(folder / source["path"])}
    return str(folder / source)
