"""From the name of a suite to its rows and to the grader that judges each of them.

A suite asks for what the training did *not* teach; base and tuned answer it, and the difference is what was forgotten.
One is built in (`starter`: unseen rows of the small world that the built-in model was made in, written by
`starter/make_suite.py`); any file of conversations is another. Deliberately does not know models nor statistics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tunewright.data.read import read_rows
from tunewright.data.rows import AnyRow, Row
from tunewright.errors import DataError, DataMissingError, Fault
from tunewright.evaluate.item import item_of
from tunewright.graders.choose import choose
from tunewright.graders.grade import GradeFailure, Grader, Output
from tunewright.graders.make import named_grader, names_without_settings
from tunewright.spec.data import SourceSpec
from tunewright.spec.faults import near_miss
from tunewright.spec.grader import GraderNode

BUILT_IN = {"starter": Path(__file__).with_name("starter.jsonl")}
"""The suites that come with the package, by name."""

_MAX_FAULTS = 20


@dataclass(frozen=True, slots=True)
class Suite:
    """General rows; row i is judged by the grader titled `grader_of_row[i]`, which `specs` has."""

    name: str
    rows: tuple[Row, ...]
    grader_of_row: tuple[str, ...]
    specs: tuple[GraderNode, ...]

    def first(self, num_rows: int) -> Suite:
        """Return the suite's first rows: of the built-in one, a sample that has every domain alike."""
        return replace(self, rows=self.rows[:num_rows], grader_of_row=self.grader_of_row[:num_rows])

    @property
    def domains(self) -> tuple[str, ...]:
        """What each row is about: `metadata.domain`, else `metadata.group`, else an empty text."""
        return tuple(str(row.meta.get("domain", row.meta.get("group", "")) or "") for row in self.rows)


def read_suite(name_or_path: str) -> Suite:
    """Return the built-in suite of that name, or the one in that file.

    A row may name its grader in `metadata.grader` by the one word of a grader that needs no settings; rows that do not
    are judged by the headline grader that suits the shape of the file.

    Raises:
        DataMissingError: there is no such suite and no such file.
        DataError: a row cannot be read, is no conversation, or names a grader that there is not. A suite is frozen:
            leaving a row out would change what is measured, so one fault refuses all.
    """
    built_in = BUILT_IN.get(name_or_path)
    if built_in is None and _is_plain_name(name_or_path):
        close = near_miss(name_or_path, list(BUILT_IN))
        hint = close if close.startswith("did") else f"built in: {', '.join(BUILT_IN)}; or give the path of a file"
        raise DataMissingError(f"there is no suite {name_or_path!r}", hint=hint)
    read = read_rows(SourceSpec(path=str(built_in or name_or_path)))
    faults = [fault.as_fault() for fault in read.faults]
    rows: list[Row] = []
    for row in read.rows:
        fault = _fault(row)
        if fault is not None:
            faults.append(fault)
        elif isinstance(row, Row):
            rows.append(row if built_in is None else replace(row, path=name_or_path))
    if faults:
        raise _refused(name_or_path, faults)
    return _suite(name_or_path if built_in else Path(name_or_path).stem, tuple(rows))


def score_suite(
    suite: Suite, outputs: Sequence[Output], graders: Mapping[str, Grader]
) -> tuple[list[float | None], list[str]]:
    """Return the score of each answer, None where it could not be judged, and why each of those could not.

    Args:
        outputs: an answer to every row, in their order.
        graders: those of `suite.specs`, made.
    """
    scores: list[float | None] = []
    reasons: list[str] = []
    for row, name, output in zip(suite.rows, suite.grader_of_row, outputs, strict=True):
        grade = graders[name](output, item_of(row))
        if isinstance(grade, GradeFailure):
            reasons.append(f"{row.where}: {name}: {grade.reason}")
            scores.append(None)
        else:
            scores.append(grade)
    return scores, reasons


def _suite(name: str, rows: tuple[Row, ...]) -> Suite:
    unnamed = [row for row in rows if row.meta.get("grader") is None]
    headline = choose([item_of(row) for row in unnamed]).specs[0] if unnamed else None
    specs: dict[str, GraderNode] = {headline.title: headline} if headline else {}
    titles: list[str] = []
    for row in rows:
        word = row.meta.get("grader")
        spec = headline if word is None else named_grader(str(word), ())
        if spec is not None:
            # The one chosen from the file's shape may have settings; a row that says the word means the plain one.
            if spec.title in specs and specs[spec.title] != spec:
                spec = spec.model_copy(update={"name": f"{spec.kind} (plain)"})
            specs.setdefault(spec.title, spec)
            titles.append(spec.title)
    return Suite(name, rows, tuple(titles), tuple(specs.values()))


def _fault(row: AnyRow) -> Fault | None:
    """Return what is wrong with a row as one of a suite, or None."""
    if not isinstance(row, Row):
        hint = "write prompt and completion, or messages"
        return Fault(row.where, "must be a conversation", type(row).__name__, hint)
    if not any(message.role == "assistant" for message in row.messages):
        return Fault(row.where, "must end with the answer that is wanted", "", "add an assistant message")
    word, known = row.meta.get("grader"), names_without_settings()
    if word is None or word in known:
        return None
    close = near_miss(str(word), list(known))
    hint = close if close.startswith("did") else f"one of {', '.join(known)}"
    return Fault(f"{row.where}: metadata.grader", "must be a grader that needs no settings", repr(word), hint)


def _refused(name: str, faults: Sequence[Fault]) -> DataError:
    count = f"{len(faults)} of its rows" if len(faults) > 1 else "one of its rows"
    hint = "mend them: a suite is used whole or not at all"
    return DataError(
        f"the suite {name} cannot be used: {count}: {faults[0]}", hint=hint, faults=tuple(faults[:_MAX_FAULTS])
    )


def _is_plain_name(text: str) -> bool:
    path = Path(text)
    return path.name == text and not path.suffix and not path.exists()
