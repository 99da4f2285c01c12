"""The verb that asks people: write blind sheets, rate one at the terminal, count what came back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tunewright.cli.progress import print_json
from tunewright.cli.screen import clean


def write_sheets(path: str, columns: tuple[str, str], output: str, *, num_rows: int, raters: int) -> None:
    """Write a sheet and a page for each rater, and the key that stays at home.

    Raises:
        RunMissingError, RunError, DataError, StorageError: as the job.
    """
    from tunewright.jobs.evaluation.human import Wanted, write_sheets

    for line in write_sheets(Path(path), Wanted(columns, num_rows, raters), Path(output)):
        print(clean(line))


def rate(sheet: str, output: str) -> None:
    """Ask for every row of a sheet at the terminal; an earlier sitting goes on where it stopped.

    Raises:
        DataMissingError, DataError, StorageError: as the job.
    """
    from tunewright.jobs.evaluation.human import rate

    num_rated, num_rows = rate(Path(sheet), Path(output), input, lambda text: print(clean(text)))
    print(f"{num_rated} of {num_rows} rows rated: {output}")


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
    for line in told(result):
        print(line)
