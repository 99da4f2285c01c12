"""`tunewright data check`: every fault of every row, and with `--fix` a copy without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tunewright.cli.data.source import (
    Columns,
    DataPaths,
    FormatName,
    ModelName,
    Overwrite,
    Split,
    TextTemplate,
    opened,
    source_spec,
)

if TYPE_CHECKING:
    from tunewright.data.checking.check import CheckOptions
    from tunewright.data.checking.repair import RepairReport
    from tunewright.data.read import OpenSource

EXAMPLES: tuple[str, ...] = (
    "tunewright data check train.jsonl",
    "tunewright data check train.jsonl valid.jsonl --strict --json",
    "tunewright data check train.jsonl --fix",
    "tunewright data check pairs.jsonl --method dpo --model starter",
)


def check(
    files: DataPaths,
    *,
    file_format: FormatName = None,
    columns: Columns = None,
    text_template: TextTemplate = None,
    split: Split = None,
    model: ModelName = None,
    method: Annotated[str, typer.Option("--method", metavar="NAME", help="Rows must fit it: supervised, dpo, …")] = "",
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 on warnings too.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Write a repaired copy and list each change.")] = False,
    output: Annotated[str | None, typer.Option("--output", "-o", metavar="FILE", help="Where to. With --fix.")] = None,
    overwrite: Overwrite = False,
    max_shown: Annotated[int, typer.Option("--max-shown", metavar="N", min=0, help="Findings per kind.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout, for scripts.")] = False,
) -> None:
    """Name every fault of every row, with what OpenAI's service would say about it.

    Files given together are checked as one training set. Exit code 0: no errors; 1: errors (with --strict: warnings
    too); 3: a file cannot be read at all. With --fix the code is that of the repaired copies.
    """
    from dataclasses import replace

    from tunewright.cli.data.check_screen import print_json, print_report, progress
    from tunewright.data.checking.check import METHODS, CheckOptions
    from tunewright.data.checking.check import check as check_sources
    from tunewright.data.read import open_source
    from tunewright.errors import RecipeError
    from tunewright.spec.data import SourceSpec

    if method and method not in METHODS:
        raise RecipeError(f"--method {method}: must be one of {', '.join(METHODS)}", hint="or leave it out")
    if output and (not fix or len(files) > 1):
        raise RecipeError("--output names the one copy that --fix writes", hint="give --fix and a single file")
    options = CheckOptions()
    if model:
        from tunewright.jobs.data import check_options_for_model

        options = check_options_for_model(model)
    options = replace(options, method=method, max_shown=max_shown)
    # A file without a known format is checked as what it most likely means to be, so that each line is named.
    specs = [source_spec(path, file_format, columns, text_template, split) for path in files]
    sources = [opened(spec, otherwise="chat") for spec in specs]
    with progress(files) as on_progress:
        report = check_sources(sources, options, on_progress)
    repairs, fixed = [], None
    if fix:
        repairs = _repaired(sources, [output] if output else None, options, overwrite)
        copies = [SourceSpec(path=str(done.output), format=done.format) for done in repairs]
        with progress([copy.path for copy in copies]) as on_progress:
            fixed = check_sources([open_source(copy, otherwise="chat") for copy in copies], options, on_progress)
    (print_json if as_json else print_report)(report, repairs, fixed)
    final = fixed or report
    if final.num("error") or (strict and final.num("warn")):
        raise typer.Exit(1)


def _repaired(
    sources: list[OpenSource], outputs: list[str] | None, options: CheckOptions, overwrite: bool
) -> list[RepairReport]:
    from itertools import product
    from pathlib import Path

    from tunewright.cli.data.check_screen import progress
    from tunewright.data.checking.fingerprints import SeenHashes
    from tunewright.data.checking.repair import output_path, repair
    from tunewright.data.containers.write import refuse_same_file
    from tunewright.errors import RecipeError

    targets = [Path(each) for each in outputs] if outputs else [output_path(source.path) for source in sources]
    if len(set(targets)) < len(targets):
        raise RecipeError("two of the files would be repaired into one", hint="repair them one by one")
    for target, source in product(targets, sources):
        refuse_same_file(target, source.path)
    # One set for all files, so that a row of the second does not repeat one of the first.
    seen = SeenHashes()
    with progress([source.path for source in sources]) as on_progress:
        return [
            repair(source, target, overwrite=overwrite, seen=seen, options=options, on_progress=on_progress)
            for source, target in zip(sources, targets, strict=True)
        ]
