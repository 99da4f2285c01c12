"""The arguments that name data on the command line, the same for every verb, and the question which format a file has.

Only typer is imported here: `--help` must not wait for anything else.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tunewright.data.read import Ambiguity, OpenSource
    from tunewright.spec.data import SourceSpec

DataPath = Annotated[str, typer.Argument(metavar="FILE", help="File of rows, or id of a data set.", show_default=False)]
DataPaths = Annotated[
    list[str], typer.Argument(metavar="FILE", help="Files of rows, or ids of data sets.", show_default=False)
]
FormatName = Annotated[str | None, typer.Option("--format", metavar="NAME", help="Format. Default: detected.")]
Columns = Annotated[
    list[str] | None,
    typer.Option("--columns", metavar="KEY=COLUMN", help="Which column holds a key of the format. Repeatable."),
]
TextTemplate = Annotated[
    str | None, typer.Option("--text-template", metavar="TEXT", help="One text from each record: 'User: {input}'.")
]
Split = Annotated[str | None, typer.Option("--split", metavar="PART", help="train[:4096], test[10%:], [:100].")]
ModelName = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME", help="Count tokens as this model does: starter, a folder, or a hub id."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output file if it exists.")]


def source_spec(
    path: str,
    file_format: str | None = None,
    columns: list[str] | None = None,
    text_template: str | None = None,
    split: str | None = None,
) -> SourceSpec:
    """Return the source that the arguments describe.

    Raises:
        RecipeError: if `--columns` is not KEY=COLUMN, or a value breaks its rule.
    """
    from pydantic import ValidationError

    from tunewright.errors import RecipeError
    from tunewright.spec.data import SourceSpec

    mapping: dict[str, str] = {}
    for item in columns or []:
        key, equals, column = item.partition("=")
        if not (key and equals and column):
            raise RecipeError(f"--columns {item}: must be KEY=COLUMN", hint="--columns prompt=question")
        mapping[key] = column
    try:
        return SourceSpec(path=path, format=file_format, columns=mapping, text_template=text_template, split=split)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise RecipeError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", hint="see --help") from error


def opened(spec: SourceSpec, *, otherwise: str | None = None) -> OpenSource:
    """Return the source, ready to be read; a person at a terminal is asked where its format is not certain.

    `otherwise` is the format that is assumed where none is known; without it that is an error.

    Raises:
        DataError: as `open_source`.
    """
    from tunewright.data.containers.data_set import is_hub_id
    from tunewright.data.read import open_source

    is_asked = sys.stdin.isatty() and sys.stderr.isatty()
    if sys.stderr.isatty() and is_hub_id(spec.path):
        typer.echo(f"asking the hub for {spec.path} …", err=True)
    return open_source(spec, ask if is_asked else None, otherwise=otherwise)


def ask(ambiguity: Ambiguity) -> str:
    """Ask, on stderr, which of the formats a source has."""
    typer.echo(f"{ambiguity.path} has the keys {', '.join(ambiguity.keys)}: which format is it?", err=True)
    for number, name in enumerate(ambiguity.formats, start=1):
        typer.echo(f"  {number}  {name}", err=True)
    numbers = {str(number): name for number, name in enumerate(ambiguity.formats, start=1)}
    while (answer := typer.prompt("Number", err=True).strip()) not in numbers:
        typer.echo(f"write a number from 1 to {len(numbers)}", err=True)
    return numbers[answer]
