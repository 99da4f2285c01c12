r"""The bytes of a file as blocks, unpacked where it is packed, and as lines; no file can make the memory grow.

gzip and zstd are told by their first bytes, never by name. A byte order mark is taken off. Only "\n" ends a line,
because JSON strings may hold the other characters that `str.splitlines` splits at. Deliberately does not know records.
"""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from tunewright.data.containers.record import MAX_RECORD_BYTES
from tunewright.errors import MissingExtraError

BLOCK_BYTES = 1 << 20

GZIP = "gzip"
ZSTD = "zstd"

_MAGIC = {b"\x1f\x8b": GZIP, b"\x28\xb5\x2f\xfd": ZSTD}
# What pyarrow has unpacked in a call that fails is lost, so a call asks for little.
_ZSTD_READ_BYTES = 1 << 16
_GZIP_WINDOW = 31


class DamagedError(Exception):
    """A packed file that cannot be unpacked any further; `line` is the one on which that happened."""

    def __init__(self, packing: str, reason: str, line: int) -> None:
        super().__init__(reason)
        self.packing = packing
        self.reason = reason
        self.line = line


def packing_of(path: Path) -> str:
    """Return `gzip`, `zstd` or an empty text, by the first bytes of the file."""
    with path.open("rb") as file:
        head = file.read(4)
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), "")


def blocks(path: Path) -> Iterator[bytes]:
    """Yield the unpacked bytes of a file, without a byte order mark, about a megabyte at a time.

    Raises:
        DamagedError: a packed file ends early or is damaged; what was good has been yielded before.
        MissingExtraError: it is packed with zstd and pyarrow is missing.
        OSError: it cannot be read.
    """
    packing = packing_of(path)
    if not packing:
        yield from _without_mark(_plain(path))
        return
    num_lines = 0
    unpacked = _gunzip(path) if packing == GZIP else _unzstd(path)
    try:
        for block in _without_mark(unpacked):
            num_lines += block.count(b"\n")
            yield block
    except (EOFError, zlib.error, _ZstdError) as error:
        raise DamagedError(packing, str(error), num_lines + 1) from error


def line_batches(parts: Iterable[bytes], limit: int = MAX_RECORD_BYTES) -> Iterator[tuple[int, list[bytes | int]]]:
    """Yield lists of lines, each with the number of its first line (from 1), cut where a block ends.

    A line of more than `limit` bytes is never held whole: its size in bytes stands in its place.
    """
    number, rest, skipped = 1, b"", 0
    for part in parts:
        block = part
        if skipped:
            end = block.find(b"\n")
            if end < 0:
                skipped += len(block)
                continue
            yield number, [skipped + end]
            number, skipped, block = number + 1, 0, block[end + 1 :]
        chunk = rest + block if rest else block
        lines: list[bytes | int] = [*chunk.split(b"\n")]
        rest = _sized(lines.pop())
        if len(chunk) > limit:
            lines = [len(line) if len(_sized(line)) > limit else line for line in map(_sized, lines)]
        if lines:
            yield number, lines
            number += len(lines)
        if len(rest) > limit:
            rest, skipped = b"", len(rest)
    if skipped or rest:
        yield number, [skipped or rest]


def _sized(line: bytes | int) -> bytes:
    assert isinstance(line, bytes)
    return line


def _plain(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _without_mark(parts: Iterator[bytes]) -> Iterator[bytes]:
    head = b""
    for part in parts:
        head += part
        if len(head) >= len(codecs.BOM_UTF8):
            break
    if head:
        yield head.removeprefix(codecs.BOM_UTF8)
    yield from parts


def _gunzip(path: Path) -> Iterator[bytes]:
    """Unpack with zlib itself: `gzip.GzipFile` loses what it unpacked in the call that meets the early end."""
    with path.open("rb") as file:
        data = file.read(BLOCK_BYTES)
        while data:
            member = zlib.decompressobj(wbits=_GZIP_WINDOW)
            yield from _member(member, data, file)
            # Members follow one another, and some tools fill the end up with zeros.
            data = (member.unused_data or file.read(BLOCK_BYTES)).lstrip(b"\0")


def _member(member: zlib._Decompress, data: bytes, file: BinaryIO) -> Iterator[bytes]:
    while not member.eof:
        if not data:
            raise EOFError("the archive ends before its end mark")
        if block := member.decompress(data, BLOCK_BYTES):
            yield block
        data = member.unconsumed_tail or (b"" if member.eof else file.read(BLOCK_BYTES))


class _ZstdError(Exception):
    pass


def _unzstd(path: Path) -> Iterator[bytes]:
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingExtraError.of("data", "pyarrow") from error
    with path.open("rb") as file, pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd") as stream:
        while True:
            try:
                block = stream.read(_ZSTD_READ_BYTES)
            except OSError as error:
                raise _ZstdError(str(error)) from error
            if not block:
                return
            yield block
