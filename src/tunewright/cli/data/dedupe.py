"""`tunewright data dedupe`: a copy of a file without the rows that repeat others, and a list of what was removed.

Only the options are here; `dedupe_screen` prints.
"""

from __future__ import annotations

from enum import StrEnum
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
    "tunewright data dedupe rows.jsonl -o unique.jsonl",
    "tunewright data dedupe rows.jsonl -o unique.jsonl --threshold 0.9 --by prompt",
    "tunewright data dedupe rows.jsonl -o unique.jsonl --exact --json",
)


class Compared(StrEnum):
    """What of a row is compared."""

    ROW = "row"
    PROMPT = "prompt"


Threshold = Annotated[
    float,
    typer.Option("--threshold", metavar="0.5…1", min=0.5, max=1.0, help="Similarity from which rows are duplicates."),
]
Exact = Annotated[bool, typer.Option("--exact", help="Only rows that say exactly the same; needs no extra package.")]
ComparedBy = Annotated[Compared, typer.Option("--by", help="Compare whole rows, or only what is asked.")]


def dedupe(
    path: DataPath,
    *,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Where the rows go that stay.", show_default=False)
    ],
    threshold: Threshold = 0.8,
    exact: Exact = False,
    by: ComparedBy = Compared.ROW,
    removed: Annotated[
        str | None,
        typer.Option("--removed", metavar="FILE", help="Where the others go. Default: <output>.removed.jsonl."),
    ] = None,
    file_format: FormatName = None,
    columns: Columns = None,
    text_template: TextTemplate = None,
    split: Split = None,
    overwrite: Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout, for scripts.")] = False,
) -> None:
    """Keep one row of each group of duplicates: the one with the longest answer, then the longest row, then the first.

    A row goes only if it is as similar as --threshold (Jaccard of its character pieces) to a row that stays and has the
    same label. What goes is written beside the output, each row with the line that stays instead.
    """
    from tunewright.cli.data.dedupe_screen import Wish, run

    source = opened(source_spec(path, file_format, columns, text_template, split))
    run(source, Wish(output, removed, None if exact else threshold, by.value, overwrite, as_json))
