"""The blind sheet that a rater is given, and the key that stays at home.

Every rater has a sheet of their own: the same two answers side by side, sides shuffled for each row and rater (half of
the rows have column A on the left), in an order of its own. A fifth of the rows or more stand on every sheet, so that
agreement can be measured; the others are dealt out. The sheet names no column; the key does, and goes in another file.
Deliberately does not know how a sheet is shown or filled in.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from tunewright.errors import DataError, DataMissingError
from tunewright.runs.atomic import storage_guard, write_json
from tunewright.runs.evaluation import Column, Evaluation, Message, Row
from tunewright.runs.fields import Text

VERSION = 1
SHARED = 0.2
"""Least share of the rows that every rater is given."""

Side = Literal["left", "right"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Question(_Part):
    """One row of a sheet: what was asked, and two answers of which nothing is said."""

    row: str
    """Number of the row in the study: the same on every sheet."""
    prompt: list[Message]
    reference: Text | None
    left: Text
    right: Text


class Sheet(_Part):
    """What one rater is given. Holds no name of any column or model."""

    version: Literal[1] = VERSION
    id: str
    rater: str
    questions: list[Question]


class SheetKey(_Part):
    """What tells the columns apart: never given to a rater."""

    version: Literal[1] = VERSION
    column_a: Text
    column_b: Text
    seed: int
    places: dict[str, Text]
    """Row → its `file:line`, also of rows whose two answers are equal and on no sheet."""
    same: list[str]
    """Rows whose answers are equal word for word: ties without asking."""
    sides: dict[str, dict[str, Side]]
    """Sheet → row → the side on which column A stands."""
    raters: dict[str, str]
    """Sheet → rater."""


class Study(_Part):
    """Everything that one call makes: a sheet for each rater, and the key."""

    sheets: list[Sheet]
    key: SheetKey


def make_sheet(
    evaluation: Evaluation, column_a: str, column_b: str, num_rows: int, *, seed: int = 0, raters: int = 1
) -> Study:
    """Return sheets on `num_rows` rows of the test set (a seeded sample; all, if it has no more).

    Args:
        raters: how many people; with several, every row beyond the shared ones is on one sheet.

    Raises:
        RunError: a column of that name is not in the evaluation.
        DataError: there is nothing to ask: one column twice, no answers, or all of them equal.
    """
    first, second = evaluation.column(column_a), evaluation.column(column_b)
    _check(evaluation, first, second, (num_rows, raters))
    rows = evaluation.test.rows
    rng = random.Random(f"sheet {seed}")
    chosen = sorted(rng.sample(range(len(rows)), min(num_rows, len(rows))))
    names = {index: str(number) for number, index in enumerate(chosen, start=1)}
    same = {i for i in chosen if first.answers[i].text.strip() == second.answers[i].text.strip()}
    asked = [index for index in chosen if index not in same]
    if not asked:
        raise DataError(
            f"{column_a} and {column_b} give equal answers to all {len(chosen)} rows", hint="take more rows"
        )
    sheets: list[Sheet] = []
    sides: dict[str, dict[str, Side]] = {}
    for number, indices in enumerate(_dealt(asked, raters, rng), start=1):
        own = random.Random(f"sheet {seed} of rater {number}")
        own.shuffle(indices)
        left_is_a = dict(zip(indices, _halves(len(indices), own), strict=True))
        columns = {index: (first, second) if is_a else (second, first) for index, is_a in left_is_a.items()}
        questions = [_question(names[index], index, rows[index], columns[index]) for index in indices]
        sheet = Sheet(id=_id(questions, number), rater=str(number), questions=questions)
        sheets.append(sheet)
        sides[sheet.id] = {names[index]: "left" if is_a else "right" for index, is_a in left_is_a.items()}
    key = SheetKey(
        column_a=column_a,
        column_b=column_b,
        seed=seed,
        places={name: rows[index].where for index, name in names.items()},
        same=[names[index] for index in sorted(same)],
        sides=sides,
        raters={sheet.id: sheet.rater for sheet in sheets},
    )
    return Study(sheets=sheets, key=key)


def save_study(folder: Path, study: Study) -> tuple[list[Path], Path]:
    """Write `sheet-1.json` … for the raters and `key.json`, and return their paths.

    Raises:
        StorageError: the storage refuses.
    """
    with storage_guard(folder):
        folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"sheet-{sheet.rater}.json" for sheet in study.sheets]
    for path, sheet in zip(paths, study.sheets, strict=True):
        write_json(path, sheet.model_dump(mode="json"))
    write_json(folder / "key.json", study.key.model_dump(mode="json"))
    return paths, folder / "key.json"


def load_sheet(path: Path) -> Sheet:
    """Return the sheet at `path`.

    Raises:
        DataMissingError, DataError: there is no such file, or it is no sheet.
    """
    return _load(path, Sheet, "sheet")


def load_key(path: Path) -> SheetKey:
    """Return the key at `path`.

    Raises:
        DataMissingError, DataError: there is no such file, or it is no key.
    """
    return _load(path, SheetKey, "key of sheets")


_Model = TypeVar("_Model", bound=BaseModel)


def _load(path: Path, kind: type[_Model], what: str) -> _Model:
    try:
        return kind.model_validate(orjson.loads(path.read_bytes()))
    except FileNotFoundError as error:
        raise DataMissingError(f"{path}: there is no such file", hint="write one: tunewright eval human RUN") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        reason = f"{where}: {first['msg'][:1].lower()}{first['msg'][1:]}"
        raise DataError(f"{path}: is no {what}: {reason}", hint="write it again: tunewright eval human RUN") from error
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: is no {what}: {reason}", hint="write it again: tunewright eval human RUN") from error


def _check(evaluation: Evaluation, first: Column, second: Column, counts: tuple[int, int]) -> None:
    if first.name == second.name:
        raise DataError(f"the column {first.name} is compared with itself", hint="name two different columns")
    num_rows, raters = counts
    if num_rows < 1 or raters < 1:
        message = f"a sheet needs rows and raters, got {num_rows} rows and {raters} raters"
        raise DataError(message, hint="ask for 1 or more of each")
    num_asked = len(evaluation.test.rows)
    for column in (first, second):
        if not num_asked or len(column.answers) != num_asked:
            message = f"the column {column.name} has {len(column.answers)} answers to {num_asked} rows"
            raise DataError(message, hint="evaluate again, with answers by generation: tunewright eval RUN")


def _question(name: str, index: int, row: Row, columns: tuple[Column, Column]) -> Question:
    left, right = (column.answers[index].text for column in columns)
    return Question(row=name, prompt=row.prompt, reference=row.reference, left=left, right=right)


def _dealt(asked: Sequence[int], raters: int, rng: random.Random) -> list[list[int]]:
    """Return each rater's rows: the shared ones, and every `raters`-th of the others."""
    order = list(asked)
    rng.shuffle(order)
    num_shared = len(order) if raters == 1 else max(1, math.ceil(SHARED * len(order)))
    shared, others = order[:num_shared], order[num_shared:]
    return [[*shared, *others[number::raters]] for number in range(raters)]


def _halves(count: int, rng: random.Random) -> list[bool]:
    """Return as many true as false values, one more of either if `count` is odd, in random order."""
    values = [index < count // 2 for index in range(count)]
    if count % 2:
        values[-1] = rng.random() < 0.5
    rng.shuffle(values)
    return values


def _id(questions: Sequence[Question], number: int) -> str:
    text = orjson.dumps([number, [question.model_dump(mode="json") for question in questions]])
    return hashlib.sha256(text).hexdigest()[:12]
