"""`tunewright schema`: the recipe's JSON Schema, to the screen or into a file for an editor's completion."""

from __future__ import annotations

import json
from pathlib import Path

from tunewright.runs.atomic import write_text
from tunewright.spec.recipe_yaml import recipe_schema


def write_schema(output: str | None) -> None:
    """Print the schema, or write it to `output` and say so.

    Raises:
        StorageError: if the file cannot be written.
    """
    text = json.dumps(recipe_schema(), indent=2, ensure_ascii=False) + "\n"
    if output is None:
        print(text, end="")
        return
    write_text(Path(output), text)
    print(output)
