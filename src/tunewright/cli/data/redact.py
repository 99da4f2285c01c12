"""`tunewright data redact`: a copy of a file without what is personal or secret, or the list of what it holds.

Only the options are here; `redact_screen` prints.
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
    from tunewright.data.pii.span import NameFinder

EXAMPLES: tuple[str, ...] = (
    "tunewright data redact rows.jsonl -o clean.jsonl",
    "tunewright data redact rows.jsonl -o clean.jsonl --types email,phone --report places.jsonl",
    "tunewright data redact rows.jsonl --check",
)


def redact(
    path: DataPath,
    *,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Where the redacted copy goes.")
    ] = None,
    types: Annotated[
        str | None, typer.Option("--types", metavar="NAME,…", help="Only these, such as email,phone. Default: all.")
    ] = None,
    names: Annotated[
        str | None,
        typer.Option(
            "--names",
            metavar="MODULE:FUNCTION",
            help="Python function text → (start, end) pairs that finds names of people. Your code: it is imported "
            "and run with your rights, so name only what you trust.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", "--dry-run", help="Write nothing; list what there is, exit code 1 if any.")
    ] = False,
    report: Annotated[
        str | None,
        typer.Option("--report", metavar="FILE", help="JSON lines: line, field, type, placeholder; never a value."),
    ] = None,
    file_format: FormatName = None,
    columns: Columns = None,
    text_template: TextTemplate = None,
    split: Split = None,
    overwrite: Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout, for scripts.")] = False,
) -> None:
    """Replace what is personal or secret by placeholders, the same value by the same one: [EMAIL_1], [CARD_2].

    Found are e-mail, phone, IP, IBAN, card, Spanish and German ids, keys, tokens and passwords. Exit code 1 if a line
    could not be read and is not in the copy, or if --check found anything; 0 otherwise.
    """
    from tunewright.cli.data.redact_screen import Wish, run

    wish = Wish(
        output=output,
        types=_known_types(types, with_names=names is not None),
        names=_imported(names) if names else None,
        is_check=check,
        report=report,
        overwrite=overwrite,
        as_json=as_json,
    )
    source = opened(source_spec(path, file_format, columns, text_template, split))
    raise typer.Exit(run(source, wish))


def _known_types(types: str | None, *, with_names: bool) -> tuple[str, ...] | None:
    from tunewright.data.pii.detectors import NAME, TYPES
    from tunewright.errors import RecipeError
    from tunewright.spec.faults import near_miss

    if types is None:
        return None
    known = [*TYPES, NAME] if with_names else list(TYPES)
    asked = tuple(item.strip() for item in types.split(",") if item.strip())
    for item in asked or ("",):
        if item not in known:
            hint = near_miss(item, known) or "name a function that finds names with --names"
            raise RecipeError(f"--types {item}: must be some of {', '.join(known)}", hint=hint)
    return asked


def _imported(address: str) -> NameFinder:
    import importlib

    from tunewright.errors import RecipeError

    module, colon, name = address.partition(":")
    if not (module and colon and name):
        raise RecipeError(f"--names {address}: must be MODULE:FUNCTION", hint="--names my_names:find")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except Exception as error:
        raise RecipeError(
            f"--names {address}: {module} cannot be imported: {error}", hint="try it in python"
        ) from error
    if not callable(found):
        raise RecipeError(f"--names {address}: {module} has no function {name}", hint="name a function of the module")
    return found  # pyright: ignore[reportReturnType]  - only a call can show whether its signature is right
