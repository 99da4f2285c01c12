"""`tunewright data profile`: its options; what it prints is `profile_screen`."""

from __future__ import annotations

from typing import Annotated

import typer

from tunewright.cli.data.source import Columns, DataPaths, FormatName, ModelName, Split, TextTemplate

EXAMPLES: tuple[str, ...] = (
    "tunewright data profile rows.jsonl",
    "tunewright data profile rows.jsonl --model starter --max-length 512",
    "tunewright data profile train.jsonl extra.jsonl --html profile.html",
)


def profile(
    files: DataPaths,
    *,
    file_format: FormatName = None,
    columns: Columns = None,
    text_template: TextTemplate = None,
    split: Split = None,
    model: ModelName = None,
    max_length: Annotated[
        int | None, typer.Option(min=8, metavar="NUMBER", help="Limit in tokens. Default: the model's context.")
    ] = None,
    epochs: Annotated[float | None, typer.Option(metavar="NUMBER", help="Passes over the rows.")] = None,
    batch_size: Annotated[int | None, typer.Option(metavar="NUMBER", help="Rows per optimiser step.")] = None,
    html: Annotated[
        str | None, typer.Option("--html", "-o", metavar="FILE", help="Write a page with charts there too.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout, for scripts.")] = False,
) -> None:
    """Say what a set is: lengths, turns, labels, scripts, and what a length limit would cost.

    With --model, lengths are counted in its tokens, and the answers that would be cut are counted too.
    """
    from itertools import chain

    from tunewright.cli.data.profile_screen import followed, page_path, print_profile
    from tunewright.cli.data.source import opened, source_spec
    from tunewright.data.profiling.page import write_page
    from tunewright.data.profiling.profile import profile as profile_of
    from tunewright.errors import RecipeError

    if max_length is not None and model is None:
        raise RecipeError("--max-length needs --model: a limit is counted in its tokens", hint="--model starter")
    page = page_path(html) if html is not None else None
    encoder = None
    if model is not None:
        from tunewright.jobs.data import encoder_for_model

        encoder = encoder_for_model(model)
    sources = [opened(source_spec(path, file_format, columns, text_template, split)) for path in files]
    found = profile_of(
        followed(chain.from_iterable(sources)),
        encoder,
        formats={source.path: source.format.NAME for source in sources},
        max_length=max_length,
        epochs=epochs,
        batch_size=batch_size,
    )
    notices = [notice for source in sources for notice in source.notices]
    if page is not None:
        write_page(found, page)
    print_profile(found, page, notices, as_json=as_json)
