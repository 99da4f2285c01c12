"""CoNLL: a word and its label on each line, a blank line between sentences; a record holds `tokens` and `labels`.

Of more than two columns the first and the last are read. Deliberately does not know which labels are valid.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tunewright.data.containers.json_text import too_large
from tunewright.data.containers.record import MAX_RECORD_BYTES, Record
from tunewright.data.containers.text_lines import text_lines
from tunewright.data.rows import RowFault, shown

SUFFIXES = (".conll", ".bio", ".iob", ".iob2")

_LABEL = re.compile(r"O|[BIESLUM]-\S+")
_COMMENT_SIGNS = "#-"
_COMMENT = re.compile(r"# \S+ = |-DOCSTART-")
_FIX = "write a word, a tab and its label; a blank line ends the sentence"


def looks_like(lines: Iterable[str]) -> bool:
    """Whether every line that is not blank ends in a label such as O or B-name."""
    columns = [_columns(line) for line in lines if line.strip() and not _COMMENT.match(line)]
    return len(columns) > 1 and all(len(each) > 1 and _LABEL.fullmatch(each[-1]) for each in columns)


def num_columns(lines: Iterable[str]) -> int:
    """Return how many columns the first word has."""
    return next((len(_columns(line)) for line in lines if line.strip() and not _COMMENT.match(line)), 0)


def read(parts: Iterable[bytes], path: str) -> Iterator[Record | RowFault]:
    """Yield the record, or the first fault, of each sentence, with the line it begins on."""
    sentence = _Sentence(path)
    for number, line in text_lines(parts, path):
        if isinstance(line, str) and not line.strip():
            yield from sentence.end()
            sentence = _Sentence(path)
        else:
            sentence.add(number, line)
    yield from sentence.end()


class _Sentence:
    def __init__(self, path: str) -> None:
        self._path = path
        self._line = 0
        self._size = 0
        self._fault: RowFault | None = None
        self._tokens: list[str] = []
        self._labels: list[str] = []

    def add(self, number: int, line: str | RowFault) -> None:
        if isinstance(line, RowFault):
            self._fault = self._fault or line
            return
        if line[0] in _COMMENT_SIGNS and _COMMENT.match(line):
            return
        self._line = self._line or number
        self._size += len(line)
        if self._fault or self._size > MAX_RECORD_BYTES:
            self._tokens, self._labels = [], []
            return
        columns = _columns(line)
        if len(columns) < 2:
            self._fault = RowFault(
                self._path, number, "", "must be a word and its label", shown(line.strip()), _FIX, "bad_value"
            )
            return
        self._tokens.append(columns[0])
        self._labels.append(columns[-1])

    def end(self) -> Iterator[Record | RowFault]:
        if self._fault:
            yield self._fault
        elif self._size > MAX_RECORD_BYTES:
            yield too_large(self._size, self._path, self._line, "a blank line ends a sentence")
        elif self._tokens:
            yield Record(self._line, {"tokens": self._tokens, "labels": self._labels})


def _columns(line: str) -> list[str]:
    return [cell.strip() for cell in line.rstrip().split("\t")] if "\t" in line else line.split()
