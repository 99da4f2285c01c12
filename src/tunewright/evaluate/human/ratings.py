"""What raters chose: asked for at the terminal, or read from the files that they send back.

A file of ratings names a sheet, and a side for each of its rows; only the key turns sides into columns. Deliberately
does not know how sheets are made nor what the choices add up to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict

from tunewright.errors import DataError, Fault
from tunewright.evaluate.human.sheet import Question, Sheet, SheetKey

VERSION = 1

Choice = Literal["left", "right", "tie"]
Preferred = Literal["a", "b", "tie"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Rated(_Part):
    """One choice on one row of a sheet."""

    row: str
    choice: Choice


class RatingsFile(_Part):
    """What a rater sends back; the page saves the same."""

    version: Literal[1] = VERSION
    sheet: str
    rater: str
    ratings: list[Rated]


class Rating(_Part):
    """One choice, with the column that it fell on."""

    rater: str
    row: str
    side: Choice
    preferred: Preferred


_ANSWERS: dict[str, Choice] = {"1": "left", "2": "right", "0": "tie"}
_ASK = "1 left, 2 right, 0 no difference, b back, q stop > "


def rate_in_terminal(
    sheet: Sheet,
    ask: Callable[[str], str],
    show: Callable[[str], None],
    *,
    done: Sequence[Rated] = (),
    save: Callable[[RatingsFile], None] | None = None,
) -> RatingsFile:
    """Ask for every question of the sheet that has no rating yet, and return all ratings.

    Args:
        ask: shows a prompt and returns what was typed; EOFError stops, as `q` does.
        show: shows text.
        done: ratings of an earlier sitting.
        save: called after each choice, so that nothing is lost if the window is closed.
    """
    known = {question.row for question in sheet.questions}
    given = {rated.row: rated for rated in done if rated.row in known}
    position = _next(sheet, given, 0)
    while position < len(sheet.questions):
        question = sheet.questions[position]
        show(_in_words(question, position + 1, len(sheet.questions)))
        word = _typed(ask)
        if word == "q":
            break
        if word == "b":
            position = max(0, position - 1)
            continue
        if word not in _ANSWERS:
            show(f"{word!r} is none of 1, 2, 0, b and q")
            continue
        given[question.row] = Rated(row=question.row, choice=_ANSWERS[word])
        if save is not None:
            save(_file(sheet, given))
        position = _next(sheet, given, position + 1)
    return _file(sheet, given)


def read_ratings(paths: Sequence[Path], key: SheetKey) -> list[Rating]:
    """Return the ratings in the raters' files, sides undone.

    Raises:
        DataError: a file is none of ratings, is of another study, rates a row that its sheet does not have, or a row
            or a sheet comes twice; all faults at once.
    """
    faults: list[Fault] = []
    ratings: list[Rating] = []
    file_of_sheet: dict[str, Path] = {}
    for path in paths:
        found = _load(path)
        if isinstance(found, Fault):
            faults.append(found)
        elif found.sheet not in key.sides:
            known = ", ".join(key.sides)
            faults.append(
                Fault(str(path), "rates a sheet that is not of this key", found.sheet, f"its sheets: {known}")
            )
        elif found.sheet in file_of_sheet:
            rule, hint = f"rates the sheet that {file_of_sheet[found.sheet]} rates too", "leave one of them out"
            faults.append(Fault(str(path), rule, found.sheet, hint))
        else:
            file_of_sheet[found.sheet] = path
            faults += _faults(path, found, key.sides[found.sheet])
            ratings += _undone(found, key)
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise DataError(f"ratings cannot be counted: {faults[0]}{more}", faults=tuple(faults))
    return ratings


def _next(sheet: Sheet, given: Mapping[str, Rated], position: int) -> int:
    """Return the first question from `position` on that has no rating, else the number of questions."""
    open_ones = (i for i, q in enumerate(sheet.questions) if i >= position and q.row not in given)
    return next(open_ones, len(sheet.questions))


def _typed(ask: Callable[[str], str]) -> str:
    try:
        return ask(_ASK).strip().lower()
    except EOFError:
        return "q"


def _in_words(question: Question, number: int, total: int) -> str:
    parts = [f"── {number} of {total} " + "─" * 40]
    parts += [f"{message.role}: {message.content}" for message in question.prompt]
    if question.reference:
        parts.append(f"reference: {question.reference}")
    parts += ["── 1 · left", question.left or "(empty)", "── 2 · right", question.right or "(empty)"]
    # An answer may hold control sequences, which would move the cursor or colour the window.
    return "".join(letter for letter in "\n".join(parts) if letter.isprintable() or letter in "\n\t")


def _file(sheet: Sheet, given: Mapping[str, Rated]) -> RatingsFile:
    ratings = [given[question.row] for question in sheet.questions if question.row in given]
    return RatingsFile(sheet=sheet.id, rater=sheet.rater, ratings=ratings)


def _load(path: Path) -> RatingsFile | Fault:
    try:
        return RatingsFile.model_validate(orjson.loads(path.read_bytes()))
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        return Fault(str(path), "is no file of ratings", reason, "take the file that the page or the terminal saved")


def _faults(path: Path, found: RatingsFile, sides: Mapping[str, str]) -> list[Fault]:
    counts = Counter(rated.row for rated in found.ratings)
    unknown = [Fault(str(path), "rates a row that its sheet does not have", row) for row in counts if row not in sides]
    twice = [
        Fault(str(path), f"rates row {row} {count} times", "", "leave one rating of it")
        for row, count in counts.items()
        if count > 1
    ]
    return unknown + twice


def _undone(found: RatingsFile, key: SheetKey) -> list[Rating]:
    sides = key.sides[found.sheet]
    return [
        Rating(rater=key.raters[found.sheet], row=rated.row, side=rated.choice, preferred=_preferred(rated, sides))
        for rated in found.ratings
        if rated.row in sides
    ]


def _preferred(rated: Rated, sides: Mapping[str, str]) -> Preferred:
    if rated.choice == "tie":
        return "tie"
    return "a" if rated.choice == sides[rated.row] else "b"
