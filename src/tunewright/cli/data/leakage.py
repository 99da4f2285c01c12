"""`tunewright data leakage`: which held-out rows are in the training set, exactly, nearly, or by their question.

Only the options are here; `leakage_screen` prints.
"""

from __future__ import annotations

from typing import Annotated

import typer

from tunewright.cli.data.dedupe import Compared, ComparedBy, Exact, Threshold
from tunewright.cli.data.source import Columns, FormatName, TextTemplate, opened, source_spec

EXAMPLES: tuple[str, ...] = (
    "tunewright data leakage --train train.jsonl --test test.jsonl",
    "tunewright data leakage --train a.jsonl --train b.jsonl --test test.jsonl --by prompt",
    "tunewright data leakage --train train.jsonl --test test.jsonl --exact --json",
)


def leakage(
    *,
    train: Annotated[
        list[str], typer.Option("--train", metavar="FILE", help="Training rows. Repeatable.", show_default=False)
    ],
    test: Annotated[
        list[str],
        typer.Option("--test", metavar="FILE", help="Test or validation rows. Repeatable.", show_default=False),
    ],
    threshold: Threshold = 0.8,
    exact: Exact = False,
    by: ComparedBy = Compared.ROW,
    file_format: FormatName = None,
    columns: Columns = None,
    text_template: TextTemplate = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout, for scripts.")] = False,
) -> None:
    """Name the test rows that training rows repeat; exit code 1 if there are any.

    --by prompt also finds questions that are known from training with another answer.
    """
    from tunewright.cli.data.leakage_screen import run

    train_sources, test_sources = (
        [opened(source_spec(path, file_format, columns, text_template)) for path in paths] for paths in (train, test)
    )
    found = run(train_sources, test_sources, None if exact else threshold, by.value, as_json=as_json)
    raise typer.Exit(int(found))
