"""An answer against its reference, word by word: what both have, what the answer adds, what it leaves out.

The longest matching blocks of words (Ratcliff and Obershelp, through `difflib`). Scripts that write without spaces are
compared by character. Does not know how the pieces are coloured, and judges nothing: another wording may be right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Kind = Literal["same", "added", "missing", "plain"]

# Thai letters, kana, Han and Hangul stand for themselves; other letters and digits make words.
_SINGLE = r"\u0e00-\u0e7f\u3040-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"\s+|[^\W{_SINGLE}]+|.", re.DOTALL)
# The search for blocks grows with the square of the words; beyond this nobody reads a diff anyway.
_MAX_WORDS = 400
# With less than this in common, marks on every word say nothing.
_MIN_COMMON = 0.25


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text: in both, only in the answer, only in the reference, or not compared (`plain`)."""

    kind: Kind
    text: str


def word_diff(reference: str, answer: str) -> list[Piece]:
    """Return the answer in pieces; without the `missing` ones they are the answer, without the `added` the reference.

    The whole answer is one `plain` piece where a diff would not help: nothing to compare with, hardly anything in
    common, or more than 400 words.
    """
    if not answer:
        return []
    old, new = _WORD.findall(reference), _WORD.findall(answer)
    if not old or max(len(old), len(new)) > _MAX_WORDS:
        return [Piece("plain", answer)]
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if _common(matcher, old, new) < _MIN_COMMON:
        return [Piece("plain", answer)]
    pieces: list[Piece] = []
    for tag, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", "".join(new[new_start:new_end])))
            continue
        if old_end > old_start:
            pieces.append(Piece("missing", "".join(old[old_start:old_end])))
        if new_end > new_start:
            pieces.append(Piece("added", "".join(new[new_start:new_end])))
    return pieces


def _common(matcher: SequenceMatcher[str], old: list[str], new: list[str]) -> float:
    """Return the share of words that both have in order; spaces are no evidence of likeness."""
    blocks = matcher.get_matching_blocks()
    shared = sum(not word.isspace() for block in blocks for word in old[block.a : block.a + block.size])
    words = sum(not word.isspace() for word in old + new)
    return 2 * shared / words if words else 0.0
