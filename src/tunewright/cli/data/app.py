"""The verbs of `tunewright data`, put together. Each lives in its own file and imports its work when it is called."""

from __future__ import annotations

from collections.abc import Callable

import typer

from tunewright.cli.data import augment, check, convert, dedupe, leakage, profile, redact, render, split

_VERBS: tuple[tuple[Callable[..., None], tuple[str, ...], str], ...] = (
    (check.check, check.EXAMPLES, "Name every fault of every row; --fix mends."),
    (profile.profile, profile.EXAMPLES, "Lengths, answers, labels, what is cut."),
    (render.render, render.EXAMPLES, "Rows as the model sees them."),
    (dedupe.dedupe, dedupe.EXAMPLES, "Keep one row of each group of duplicates."),
    (leakage.leakage, leakage.EXAMPLES, "Test rows that are in the training rows."),
    (split.split, split.EXAMPLES, "Divide into train, validation and test."),
    (redact.redact, redact.EXAMPLES, "Replace personal data by placeholders."),
    (augment.augment, augment.EXAMPLES, "Add rows that ask the same differently."),
    (convert.convert, convert.EXAMPLES, "Write rows in another format or layout."),
)
"""Each verb with its examples and the line that stands for it in the list."""


def data_app(epilog: Callable[..., str]) -> typer.Typer:
    """Return the sub-command; `epilog` lays out examples as the other verbs' help does."""
    app = typer.Typer(
        help="Look at data, mend it, and divide it.",
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    for verb, examples, summary in _VERBS:
        app.command(epilog=epilog(*examples), short_help=summary)(verb)

    @app.callback(invoke_without_command=True)
    def _list_verbs(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            typer.echo(context.get_help())

    return app
