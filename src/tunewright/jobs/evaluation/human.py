"""Ask people which of two columns answers better: blind sheets, ratings at the terminal, and who won."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewright.errors import DataError, RunError
from tunewright.evaluate.human.page import write_sheet_page
from tunewright.evaluate.human.ratings import Rated, RatingsFile, rate_in_terminal, read_ratings
from tunewright.evaluate.human.sheet import Sheet, load_key, load_sheet, make_sheet, save_study
from tunewright.evaluate.human.tally import HumanResult, result_lines, tally
from tunewright.evaluate.statistics.intervals import score_of, wilson
from tunewright.runs.atomic import write_json
from tunewright.runs.folder import RunFolder


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose answers are compared, on how many rows, by how many people."""

    columns: tuple[str, str] = ("base", "tuned")
    num_rows: int = 40
    raters: int = 1
    seed: int = 0


def write_sheets(path: Path, wanted: Wanted, folder: Path) -> list[str]:
    """Write a sheet and a page for each rater and the key that stays at home; return what to tell the user.

    Raises:
        RunMissingError, RunError: if there is no such run, it was not evaluated, or lacks a column.
        DataError: if there is nothing to ask.
        StorageError: if the folder cannot be written.
    """
    run = RunFolder.open(path)
    evaluation = run.evaluation()
    if evaluation is None:
        raise RunError(f"{path}: the run was not evaluated", hint=f"tunewright eval {path}")
    study = make_sheet(evaluation, *wanted.columns, wanted.num_rows, seed=wanted.seed, raters=wanted.raters)
    sheets, key = save_study(folder, study)
    lines: list[str] = []
    for sheet, file in zip(study.sheets, sheets, strict=True):
        page = file.with_suffix(".html")
        write_sheet_page(page, sheet)
        count = len(sheet.questions)
        lines.append(f"rater {sheet.rater}  {count} {'row' if count == 1 else 'rows'}  {page}")
    lines.append(f"key      {key} (keep it: it says which answer is whose)")
    lines.append(
        f"rate     open a page, or tunewright eval human --rate {shlex.quote(str(sheets[0]))} -o ratings-1.json"
    )
    lines.append(f"then     tunewright eval human --key {shlex.quote(str(key))} --tally ratings-*.json")
    return lines


def rate(sheet_path: Path, target: Path, ask: Callable[[str], str], show: Callable[[str], None]) -> tuple[int, int]:
    """Ask for every row of a sheet; what `target` holds of an earlier sitting is kept. Return rated and all rows.

    Raises:
        DataMissingError, DataError: if there is no such sheet, or `target` holds no ratings of it.
        StorageError: if the ratings cannot be written.
    """
    sheet = load_sheet(sheet_path)
    done = _former(target, sheet) if target.exists() else []

    def save(ratings: RatingsFile) -> None:
        write_json(target, ratings.model_dump(mode="json"))

    found = rate_in_terminal(sheet, ask, show, done=done, save=save)
    return len(found.ratings), len(sheet.questions)


def count(ratings: Sequence[Path], key_path: Path) -> HumanResult:
    """Return who won.

    Raises:
        DataMissingError, DataError: if the key or the ratings cannot be used; all faults at once.
    """
    key = load_key(key_path)
    return tally(key, read_ratings(ratings, key), score_of, wilson)


def told(result: HumanResult) -> list[str]:
    """Return the result in words, the verdict first."""
    return result_lines(result)


def _former(target: Path, sheet: Sheet) -> list[Rated]:
    """Return what `target` holds of an earlier sitting; rows have one numbering on all sheets, so its id decides."""
    hint = "choose another file with --output"
    try:
        found = RatingsFile.model_validate_json(target.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{target}: is no file of ratings, so it is not written over", hint=hint) from error
    if found.sheet != sheet.id:
        raise DataError(f"{target}: holds ratings of another sheet ({found.sheet}, not {sheet.id})", hint=hint)
    return found.ratings
