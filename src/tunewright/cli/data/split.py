"""`tunewright data split`: one file divided into train, validation and test, by what the rows say and never by chance.

Only the options are here; `split_screen` does and prints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from tunewright.data.split import HeldOut

EXAMPLES: tuple[str, ...] = (
    "tunewright data split rows.jsonl -o parts",
    "tunewright data split rows.jsonl --validation 0.1 --test 0.1 --stratify-by label -o parts",
    "tunewright data split rows.jsonl --validation 200 --group-by metadata.user -o parts",
)


def split(
    path: DataPath,
    *,
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Folder of the parts; a name that ends in - _ or . is a prefix."
        ),
    ],
    validation: Annotated[str, typer.Option(metavar="0.1|200", help="Share or number of rows to hold out.")] = "0.1",
    test: Annotated[str, typer.Option(metavar="0.1|200", help="The same for a test set.")] = "0",
    group_by: Annotated[
        list[str] | None,
        typer.Option(
            "--group-by",
            metavar="FIELD",
            help="Equal values stay on one side: metadata.user. Repeatable; 'none' for no field. "
            "Default: metadata.group.",
        ),
    ] = None,
    stratify_by: Annotated[
        str | None,
        typer.Option("--stratify-by", metavar="FIELD", help="Each value is held out in equal measure: label."),
    ] = None,
    group_near_duplicates: Annotated[
        bool, typer.Option("--group-near-duplicates", help="Rows that say nearly the same stay on one side.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other sides.")] = 0,
    file_format: FormatName = None,
    columns: Columns = None,
    text_template: TextTemplate = None,
    part: Split = None,
    overwrite: Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout, for scripts.")] = False,
) -> None:
    """Divide a file into train, validation and test; rows that belong together stay together.

    With shares, rows added later move no other. With numbers, exactly so many rows are held out.
    """
    from tunewright.cli.data.split_screen import Wish, run
    from tunewright.errors import RecipeError

    wish = Wish(
        output=output,
        validation=_held_out("--validation", validation),
        test=_held_out("--test", test),
        group_by=None if group_by is None else tuple(field for field in group_by if field != "none"),
        stratify_by=stratify_by,
        group_near_duplicates=group_near_duplicates,
        seed=seed,
        overwrite=overwrite,
        as_json=as_json,
    )
    if not (wish.validation or wish.test):
        raise RecipeError("--validation and --test are both 0: nothing is to be held out", hint="--validation 0.1")
    if wish.validation.share + wish.test.share >= 1:
        raise RecipeError(
            f"--validation {validation} and --test {test}: together must be below 1", hint="leave rows to train on"
        )
    run(opened(source_spec(path, file_format, columns, text_template, part)), wish)


def _held_out(option: str, text: str) -> HeldOut:
    from tunewright.data.split import HeldOut
    from tunewright.errors import RecipeError

    try:
        if text.isdecimal():
            return HeldOut(count=int(text))
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        rule = "must be a share from 0 to below 1, or a whole number of rows"
        raise RecipeError(f"{option} {text}: {rule}", hint=f"{option} 0.1, or {option} 200")
    return HeldOut(share=share)
