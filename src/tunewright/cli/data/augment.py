"""`tunewright data augment`: more rows from the rows of a file, each with its parent in its metadata.

Only the options are here; `augment_screen` prints.
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
    from tunewright.data.augment.expand import Way
    from tunewright.data.augment.templates import Family

EXAMPLES: tuple[str, ...] = (
    "tunewright data augment rows.jsonl -o more.jsonl --noise typo,swap --copies 1 --rate 0.05 --seed 0",
    "tunewright data augment rows.jsonl -o more.jsonl --templates english",
    "tunewright data augment labels.jsonl -o even.jsonl --balance label --ratio 0.8",
)


def augment(
    path: DataPath,
    *,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Where originals and new rows go.")
    ] = None,
    noise: Annotated[
        str | None, typer.Option("--noise", metavar="KIND,…", help="Some of typo, swap, delete, casing.")
    ] = None,
    templates: Annotated[
        str | None,
        typer.Option(
            "--templates",
            metavar="FILE",
            help="Other wordings: a line each, such as 'What is {x}?', an empty line between families; "
            "english: those that are shipped.",
        ),
    ] = None,
    copies: Annotated[int, typer.Option(min=1, max=1000, help="New rows from each row by each way.")] = 1,
    rate: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the words that noise changes, at least one.")
    ] = 0.05,
    balance: Annotated[
        str | None,
        typer.Option("--balance", metavar="FIELD", help="Make rare values of a field, such as label, less rare."),
    ] = None,
    ratio: Annotated[
        float, typer.Option(help="With --balance: rows of each class for one of the largest; 1 makes all equal.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the noise; the same seed gives the same rows.")] = 0,
    file_format: FormatName = None,
    columns: Columns = None,
    text_template: TextTemplate = None,
    split: Split = None,
    overwrite: Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout, for scripts.")] = False,
) -> None:
    """Write every row, and after it new ones that ask the same in other words; answers and labels stay as they are.

    Numbers, quotations, code, placeholders, negations and counts are never changed. New rows share metadata.group
    with their parent, so that a split keeps them together. Exit code 1 if a line could not be read and is left out.
    """
    from tunewright.cli.data.augment_screen import Wish, run
    from tunewright.errors import RecipeError

    ways = _ways(noise, templates, rate, is_balance=balance is not None)
    if not ways:
        raise RecipeError(
            "no way of making rows is named", hint="add --noise typo, --templates english or --balance label"
        )
    wish = Wish(output, tuple(ways), copies, balance, ratio, seed, overwrite, as_json)
    source = opened(source_spec(path, file_format, columns, text_template, split))
    raise typer.Exit(run(source, wish))


def _ways(noise: str | None, templates: str | None, rate: float, *, is_balance: bool) -> list[Way]:
    from tunewright.data.augment.expand import NoiseWay, TemplateWay
    from tunewright.data.augment.noise import NOISES
    from tunewright.errors import RecipeError
    from tunewright.spec.faults import near_miss

    kinds = [kind.strip() for kind in noise.split(",") if kind.strip()] if noise else []
    for kind in kinds:
        if kind not in NOISES:
            hint = near_miss(kind, list(NOISES)) or "name one of them"
            raise RecipeError(f"--noise {kind}: must be some of {', '.join(NOISES)}", hint=hint)
    if is_balance and not kinds and templates is None:
        kinds = list(NOISES)
    ways: list[Way] = [NoiseWay(kind, rate) for kind in dict.fromkeys(kinds)]
    return ways if templates is None else [*ways, TemplateWay(_families(templates))]


def _families(templates: str) -> tuple[Family, ...]:
    from pathlib import Path

    from tunewright.data.augment.templates import ENGLISH_QUESTIONS, parse_templates
    from tunewright.errors import DataError, DataMissingError

    if templates == "english":
        return parse_templates(ENGLISH_QUESTIONS)
    try:
        return parse_templates(Path(templates).read_text(encoding="utf-8-sig"), templates)
    except OSError as error:
        hint = "name a file of wordings, or english"
        raise DataMissingError(f"{templates} cannot be read: {error.strerror or error}", hint=hint) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{templates} must be UTF-8 text", hint="save the file as UTF-8") from error
