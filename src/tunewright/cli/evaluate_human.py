"""The verb that asks people: write blind sheets, rate one at the terminal, count what came back."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from tunewright.cli.progress import print_json
from tunewright.cli.screen import clean, command, make_console
from tunewright.errors import RunExistsError


def write_sheets(path: str, columns: tuple[str, str], output: str, *, num_rows: int, raters: int) -> None:
    """Write a sheet and a page for each rater, and the key that stays at home.

    Raises:
        RunExistsError: if sheets are in that folder already: without their key no rating of them can be counted.
        RunMissingError, RunError, DataError, StorageError: as the job.
    """
    from tunewright.jobs.evaluation.human import Wanted, write_sheets

    if (Path(output) / "key.json").exists():
        raise RunExistsError(
            f"{output}: sheets are there already, and what was rated of them needs their key.json",
            hint="choose another folder with --output, or delete that one",
        )
    for line in write_sheets(Path(path), Wanted(columns, num_rows, raters), Path(output)):
        print(clean(line))


def rate(sheet: str, output: str) -> None:
    """Ask for every row of a sheet at the terminal; an earlier sitting goes on where it stopped. Ctrl-C stops, as `q`.

    Raises:
        DataMissingError, DataError, StorageError: as the job.
    """
    from tunewright.jobs.evaluation.human import rate

    num_rated, num_rows = rate(Path(sheet), Path(output), _asked, lambda text: print(clean(text)))
    print(f"{num_rated} of {num_rows} rows rated: {output}")
    if num_rated < num_rows:
        print(f"go on  {command('eval human --rate', Path(sheet))} -o {shlex.quote(output)}")


def count(ratings: Sequence[str], key: str, *, as_json: bool) -> None:
    """Say who won.

    Raises:
        DataMissingError, DataError: as the job.
    """
    from tunewright.jobs.evaluation.human import count, told

    result = count([Path(path) for path in ratings], Path(key))
    if as_json:
        print_json(result.model_dump(mode="json"))
        return
    console = make_console()
    for line in told(result):
        console.print(Text(clean(line)))


def _asked(prompt: str) -> str:
    """Return what was typed; every choice is in the file already, so that Ctrl-C is an end like any other.

    Raises:
        EOFError: at the end of what is typed.
    """
    try:
        return input(prompt)
    except (EOFError, KeyboardInterrupt) as error:
        print()
        raise EOFError from error
