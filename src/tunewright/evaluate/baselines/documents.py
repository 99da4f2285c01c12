"""The passages that answers are looked up in: of a folder of documents, or of the training rows.

A passage is at most about 120 words under one heading, cut where paragraphs end; only a paragraph that is longer is
cut inside, and there two passages share some words, so that a sentence at the cut is whole in one of them. Whatever
cannot be read is listed, and is no error. Does not know how passages are searched.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from tunewright.data.rows import Row
from tunewright.errors import DataMissingError
from tunewright.evaluate.baselines.blocks import READERS, Block
from tunewright.evaluate.baselines.kin import without_system
from tunewright.graders.overlap import UNSPACED

MAX_WORDS = 120
OVERLAP_WORDS = 20

_MAX_BYTES = 20_000_000
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)

# In a script without spaces two characters count as a word.
_WORD = re.compile(rf"[{UNSPACED}]{{1,2}}|[^\s{UNSPACED}]+")


@dataclass(frozen=True, slots=True)
class Passage:
    """Some words that may hold an answer.

    Attributes:
        where: `file:line`, the path being relative to the documents' folder.
        title: the headings above it, or the name of its file; empty for a training row.
        row: the training row that it was made of.
    """

    text: str
    where: str
    title: str = ""
    row: Row | None = None


@dataclass(frozen=True, slots=True)
class Documents:
    """What a folder holds: its passages in the order of paths and lines, and a note for each file that has none."""

    passages: tuple[Passage, ...]
    notes: tuple[str, ...]
    num_files: int


def read_documents(folder: Path, *, max_words: int = MAX_WORDS, overlap: int = OVERLAP_WORDS) -> Documents:
    """Return the passages of the text, Markdown and HTML files below `folder`; a single file is taken too.

    Names that begin with a dot are not looked at. Links are not followed.

    Raises:
        DataMissingError: if the folder does not exist, or cannot be listed.
    """
    notes: list[str] = []
    passages: list[Passage] = []
    num_files = 0
    for path in _files(folder, notes):
        name = path.relative_to(folder).as_posix() if path != folder else path.name
        found = _passages(path, name, (max_words, min(overlap, max_words - 1)))
        if isinstance(found, str):
            notes.append(f"{name}: {found}")
        else:
            passages += found
            num_files += 1
    return Documents(tuple(passages), tuple(notes), num_files)


def passages_of_rows(rows: Sequence[Row]) -> list[Passage]:
    """Return one passage for each row: everything that is said in it, a turn on each line, without system turns."""
    passages: list[Passage] = []
    for row in rows:
        turns = without_system((*row.prompt, row.messages[len(row.prompt)]))[1]
        passages.append(Passage("\n".join(message.said for message in turns), row.where, row=row))
    return passages


def _files(folder: Path, notes: list[str]) -> Iterator[Path]:
    """Yield the files below a folder, by path; adds a note for each link and for each folder that cannot be listed."""
    # os.path, not Path: what may not even be looked at is no file and no folder, instead of an error.
    if os.path.isfile(folder):
        yield folder
        return
    try:
        waiting = _listed(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataMissingError(f"{folder}: documents cannot be read: {reason}", hint="check the path") from error
    while waiting:
        path = waiting.pop(0)
        name = path.relative_to(folder).as_posix()
        if os.path.islink(path):
            # Within the folder it leads to what is read anyway, or in a circle; outside, to what was not handed over.
            notes.append(f"{name}: left out: links are not followed")
        elif os.path.isdir(path):
            waiting = [*_listed_or_noted(path, name, notes), *waiting]
        else:
            yield path


def _listed(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _listed_or_noted(folder: Path, name: str, notes: list[str]) -> list[Path]:
    try:
        return _listed(folder)
    except OSError as error:
        notes.append(f"{name}: cannot be listed: {error.strerror or error}")
        return []


def _passages(path: Path, name: str, sizes: tuple[int, int]) -> list[Passage] | str:
    """Return the passages of one file, or why it has none."""
    suffix = path.suffix.lower()
    reader = READERS.get(suffix)
    if reader is None:
        return f"left out: {suffix or 'no suffix'} is not one of {', '.join(READERS)}"
    try:
        size = os.stat(path).st_size
        if size > _MAX_BYTES:
            return f"left out: {size:,} bytes, and {_MAX_BYTES:,} are the most that is read"
        if not os.path.isfile(path):
            return "left out: is no plain file"
        raw = path.read_bytes()
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    text = _decoded(raw)
    if text is None:
        return "left out: is no text (neither UTF-8 nor UTF-16)"
    blocks = reader(text)
    return list(_cut(blocks, name, path.stem, sizes)) or "left out: holds no text"


def _decoded(raw: bytes) -> str | None:
    """Return the text of a file; None for what is none."""
    encoding = next((name for bom, name in _BOMS if raw.startswith(bom)), "")
    declared = _CHARSET.search(raw[:2048])
    for candidate in (encoding or "utf-8", declared[1].decode("ascii") if declared else ""):
        try:
            text = raw.decode(candidate) if candidate else "\0"
        # A page may declare any name, also that of a codec that makes no text (`hex`).
        except (UnicodeError, LookupError, ValueError):
            continue
        if "\0" not in text:
            return text
    return None


def _cut(blocks: Sequence[Block], name: str, stem: str, sizes: tuple[int, int]) -> Iterator[Passage]:
    """Yield the passages of a file: as many whole paragraphs of one heading as `sizes[0]` words hold."""
    gathered: list[Block] = []
    num_words = 0
    for block in chain.from_iterable(_pieces(each, *sizes) for each in blocks):
        size = len(_WORD.findall(block.text))
        if gathered and (block.headings != gathered[0].headings or num_words + size > sizes[0]):
            yield _passage(gathered, name, stem)
            gathered, num_words = [], 0
        gathered.append(block)
        num_words += size
    if gathered:
        yield _passage(gathered, name, stem)


def _pieces(block: Block, max_words: int, overlap: int) -> Iterator[Block]:
    """Yield a paragraph whole, or one that is too long in pieces that share `overlap` words with the one before."""
    words = list(_WORD.finditer(block.text))
    if len(words) <= max_words:
        yield block
        return
    for start in range(0, len(words) - overlap, max_words - overlap):
        first, last = words[start].start(), words[min(start + max_words, len(words)) - 1].end()
        yield replace(block, text=block.text[first:last], line=block.line + block.text.count("\n", 0, first))


def _passage(blocks: Sequence[Block], name: str, stem: str) -> Passage:
    text = "\n\n".join(block.text for block in blocks)
    return Passage(text, f"{name}:{blocks[0].line}", " › ".join(blocks[0].headings) or stem)
