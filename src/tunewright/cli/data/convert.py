"""`tunewright data convert`: rows of one format and layout written in another, every row or none.

Only the options are here; `convert_screen` does it and prints.
"""

from __future__ import annotations

from typing import Annotated

import typer

from tunewright.cli.data.source import (
    Columns,
    DataPath,
    FormatName,
    Overwrite,
    Split,
    TextTemplate,
    opened,
    source_spec,
)

EXAMPLES: tuple[str, ...] = (
    "tunewright data convert rows.csv --to chat -o rows.jsonl --columns prompt=question --columns completion=answer",
    "tunewright data convert alpaca.json --to chat -o chat.jsonl.gz",
    "tunewright data convert owner/name --split 'train[:4096]' --to prompt_completion -o rows.parquet",
)


def convert(
    path: DataPath,
    *,
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="Format to write.")],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Its name says the layout: .jsonl .json .csv .tsv .parquet, .gz .zst.",
        ),
    ],
    file_format: FormatName = None,
    columns: Columns = None,
    text_template: TextTemplate = None,
    split: Split = None,
    drop_unusable: Annotated[
        bool, typer.Option("--drop-unusable", help="Leave out rows that cannot be read or written, and list them.")
    ] = False,
    overwrite: Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout, for scripts.")] = False,
) -> None:
    """Write the rows of a file in another format or layout."""
    from tunewright.cli.data import convert_screen

    source = opened(source_spec(path, file_format, columns, text_template, split))
    wish = convert_screen.Wish(to, output, drop_unusable=drop_unusable, overwrite=overwrite, as_json=as_json)
    convert_screen.run(source, wish)
