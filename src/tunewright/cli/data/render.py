"""`tunewright data render`: rows as the model sees them, with what is taught in colour."""

from __future__ import annotations

from typing import Annotated

import typer

from tunewright.cli.data.source import Columns, DataPath, FormatName, Split, TextTemplate

EXAMPLES = (
    "tunewright data render train.jsonl --model starter",
    "tunewright data render train.jsonl --model ./my-model --rows 3,17 --tokens",
)


def render(
    path: DataPath,
    *,
    model: Annotated[
        str, typer.Option("--model", metavar="NAME", help="Whose tokenizer and template: starter, a folder, a hub id.")
    ] = "starter",
    rows: Annotated[
        str | None, typer.Option("--rows", metavar="LINES", help="Lines of the file: 3,17. Default: the first three.")
    ] = None,
    tokens: Annotated[bool, typer.Option("--tokens", help="Show the border of every token.")] = False,
    chat_template: Annotated[
        str | None, typer.Option("--chat-template", metavar="FILE", help="Template to use instead of the model's own.")
    ] = None,
    file_format: FormatName = None,
    columns: Columns = None,
    text_template: TextTemplate = None,
    split: Split = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show rows as the model sees them: which tokens are taught, and which are context.

    Exit code 1 if one of the rows shown cannot be used, 0 otherwise.
    """
    from tunewright.cli.data.render_screen import print_rendered, rendered_rows
    from tunewright.cli.data.source import opened, source_spec
    from tunewright.cli.extras import need_train_packages

    need_train_packages()
    from tunewright.jobs.data import encoder_for_model

    source = opened(source_spec(path, file_format, columns, text_template, split))
    shown = rendered_rows(source, rows, encoder_for_model(model, chat_template))
    print_rendered(shown, source, model, with_borders=tokens, as_json=as_json)
    if any(each.faults for each in shown):
        raise typer.Exit(1)
