"""Where a verb of `tunewright data` may write: anywhere but over what it reads."""

from __future__ import annotations

from pathlib import Path

from tunewright.errors import RecipeError


def refuse_in_place(source_path: str, output: str | None) -> None:
    """Raise RecipeError unless `output` is named and is another file than the source."""
    if output is None:
        raise RecipeError("no output is named: data is never changed in place", hint="add -o FILE")
    if Path(output).resolve() == Path(source_path).resolve():
        raise RecipeError(f"{output} is the input: data is never changed in place", hint="name another file with -o")
