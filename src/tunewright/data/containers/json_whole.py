"""One JSON array, or one object, that is spread over the file: a window slides over the text, element by element.

The standard parser finds where an element ends, which orjson does not tell; orjson then has the last word on what JSON
is. A damaged array ends the reading, because where the next element begins is anyone's guess; an element that is too
large is named and passed over. Deliberately does not know formats, nor where the bytes come from.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator

from tunewright.data.containers.blocks import DamagedError
from tunewright.data.containers.json_text import parse, too_large
from tunewright.data.containers.record import MAX_RECORD_BYTES, Record
from tunewright.data.rows import RowFault, shown

_SPACE = re.compile(r"[ \t\r\n]*")
_NUM_SHOWN = 40
# The longest thing that is no text and cannot be judged before its end: "-Infinity", an escape and its pair.
_LONGEST_TOKEN = 16
_TO_PASS_OVER = re.compile(r'["\[\]{}\\,]')
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1, ",": 0}
_CLOSING = ('"', "]", "}")
_AFTER = "the records from here on were not read; mend the array, or write one object on each line"
_LARGE_FIX = "one object for each row"


class _BrokenError(Exception):
    """What is wrong with the array itself, at `position` of the window."""

    def __init__(self, reason: str, position: int, *, is_cut: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.position = position
        self.is_cut = is_cut


def read(parts: Iterable[bytes], path: str) -> Iterator[Record | RowFault]:
    """Yield the elements of the array that `parts` hold, or the one object, each with the line it begins on."""
    window = _Window(parts)
    try:
        window.skip_space()
        if window.peek() == "[":
            yield from _elements(window, path)
        else:
            yield _one(window, path)
        window.skip_space()
        if window.peek():
            raise _BrokenError("text follows the end", window.position)
    except _BrokenError as error:
        if window.stopped_by is None:
            yield _fault(window, error, path)
            return
    if isinstance(window.stopped_by, UnicodeDecodeError):
        value = f"byte 0x{window.stopped_by.object[window.stopped_by.start]:02x}"
        yield RowFault(path, window.end_line, "", "must be UTF-8 text", value, "save the file as UTF-8", "not_utf8")
    elif window.stopped_by is not None:
        raise window.stopped_by


def _elements(window: _Window, path: str) -> Iterator[Record | RowFault]:
    window.position += 1
    window.skip_space()
    while window.peek() != "]":
        yield _one(window, path)
        window.skip_space()
        if window.peek() == ",":
            window.position += 1
            window.skip_space()
        elif window.peek() != "]":
            raise _BrokenError("expected a comma or the closing bracket", window.position)
    window.position += 1


def _one(window: _Window, path: str) -> Record | RowFault:
    line = window.line()
    while True:
        start = window.position
        try:
            end = window.decoder.raw_decode(window.text, start)[1]
        except RecursionError as error:
            raise _BrokenError("it is nested too deeply", start) from error
        except json.JSONDecodeError as error:
            is_cut = error.msg.startswith("Unterminated") or error.pos >= len(window.text)
            may_be_cut = is_cut or error.pos >= len(window.text) - _LONGEST_TOKEN
            if not may_be_cut or not window.grow():
                raise _BrokenError(error.msg, error.pos - start + window.position, is_cut=is_cut) from error
        else:
            # A number at the end of the window may go on.
            if end < len(window.text) or not window.grow():
                start, window.position = window.position, window.position + end - start
                return parse(window.text[start : window.position].encode("utf-8"), path, line)
        if len(window.text) - window.position > MAX_RECORD_BYTES:
            return too_large(window.pass_over(), path, line, _LARGE_FIX)


class _Window:
    """The part of the text that is being looked at; what lies before `position` may be forgotten at any time."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self.text = ""
        self.position = 0
        # Only the ends of elements are wanted, and Python refuses to make integers of more than 4300 digits.
        self.decoder = json.JSONDecoder(parse_int=float)
        self._parts = iter(parts)
        self._decode = codecs.getincrementaldecoder("utf-8")()
        self._is_at_end = False
        self.stopped_by: DamagedError | UnicodeDecodeError | None = None
        self._line = 1
        self._counted = 0
        self._column = 0

    def grow(self) -> bool:
        """Append text, at least as much as there is already, so that growing is not quadratic. False at the end."""
        if self._is_at_end:
            return False
        self.line()
        pieces = [self.text[self.position :]]
        wanted = max(1, len(pieces[0]))
        self.text, self.position, self._counted = pieces[0], 0, 0
        while wanted > 0 and not self._is_at_end:
            pieces.append(self._next_piece())
            wanted -= len(pieces[-1])
        self.text = "".join(pieces)
        return len(self.text) > len(pieces[0])

    def _next_piece(self) -> str:
        # What was good is read before the damage is told, so it is kept for later.
        try:
            part = next(self._parts, b"")
            self._is_at_end = not part
            return self._decode.decode(part, final=self._is_at_end)
        except DamagedError as error:
            self.stopped_by, self._is_at_end = error, True
            return ""
        except UnicodeDecodeError as error:
            self.stopped_by, self._is_at_end = error, True
            return error.object[: error.start].decode("utf-8")

    def skip_space(self) -> None:
        """Move to the next character that is no white space."""
        while True:
            match = _SPACE.match(self.text, self.position)
            self.position = match.end() if match else self.position
            if self.position < len(self.text) or not self.grow():
                return

    def peek(self) -> str:
        """Return the character at the position, an empty text at the end of the file."""
        return self.text[self.position : self.position + 1]

    def line(self) -> int:
        """Return the line of the position."""
        num_ends = self.text.count("\n", self._counted, self.position)
        if num_ends:
            self._column = self.position - self.text.rfind("\n", self._counted, self.position) - 1
        else:
            self._column += self.position - self._counted
        self._line += num_ends
        self._counted = self.position
        return self._line

    def column(self) -> int:
        """Return the column of the position, from 1."""
        self.line()
        return self._column + 1

    @property
    def end_line(self) -> int:
        """The line on which the window ends."""
        return self.line() + self.text.count("\n", self.position)

    def pass_over(self) -> int:
        """Move behind the element that begins at the position, without holding it; return its size in bytes."""
        scan, size = _Scan(), 0
        while True:
            start = self.position
            is_over, self.position = scan.end(self.text, start)
            size += len(self.text[start : self.position].encode("utf-8"))
            if is_over:
                return size
            if not self.grow():
                raise _BrokenError("the element does not end", self.position)


class _Scan:
    """Looks for the end of an element piece by piece, holding no more of it than how deep it is."""

    def __init__(self) -> None:
        self._depth = 0
        self._is_in_text = False

    def end(self, text: str, start: int) -> tuple[bool, int]:
        """Return whether the element ends in `text`, and where; else the position from which to go on."""
        cursor = start
        while match := _TO_PASS_OVER.search(text, cursor):
            mark, cursor = match.group(), match.end()
            if mark == "\\":
                if cursor == len(text):  # the character that it escapes is still to come
                    return False, match.start()
                cursor += 1
            elif mark == '"':
                self._is_in_text = not self._is_in_text
            elif not self._is_in_text:
                if self._depth == 0 and mark in ",]}":
                    return True, match.start()
                self._depth += _STEPS[mark]
            if mark in _CLOSING and self._depth == 0 and not self._is_in_text:
                return True, cursor
        return False, len(text)


def _fault(window: _Window, error: _BrokenError, path: str) -> RowFault:
    window.position = min(error.position, len(window.text))
    line, column = window.line(), window.column()
    while len(window.text) - window.position < _NUM_SHOWN and window.grow():
        pass
    there = window.text[window.position : window.position + _NUM_SHOWN]
    rule = f"must be JSON ({error.reason} at column {column})"
    kind = "not_json" if there and not error.is_cut else "file_ends_early"
    return RowFault(path, line, "", rule, shown(there) if there else "the end of the file", _AFTER, kind)
