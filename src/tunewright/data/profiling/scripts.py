"""The scripts that texts are written in, as shares of their letters: Latin, Cyrillic, Han, Arabic, …

Code points are counted in batches by numpy; only the few thousand that occur are then looked up in `unicodedata`, whose
names begin with the script. Marks, digits, punctuation and emoji have no script here. Deliberately does not guess a
language: Latin letters may be Polish or Swahili.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np

OTHER = "Other"

_NUM_CODE_POINTS = 0x110000
# One pass over the whole table of code points (9 MB) costs about as much as counting this many characters.
_BATCH_CHARS = 1 << 20
# Scripts in use today. What is none of these (runes, cuneiform, a letter-like sign) counts as other.
_LIVING = frozenset(
    "Arabic Armenian Bengali Bopomofo Cherokee Coptic Cyrillic Devanagari Ethiopic Georgian Greek Gujarati Gurmukhi "
    "Hangul Hebrew Hiragana Javanese Kannada Katakana Khmer Lao Latin Malayalam Mongolian Myanmar Oriya Sinhala "
    "Sundanese Syriac Tagalog Tamil Telugu Thaana Thai Tibetan Tifinagh Yi".split()
)
_NAMED_OTHERWISE = {"Cjk": "Han", "Ideographic": "Han"}


@dataclass(frozen=True, slots=True)
class ScriptShare:
    """One script: its letters, and their share (0…1) of all letters."""

    script: str
    num_letters: int
    share: float


class ScriptMeter:
    """Counts the letters of each script over any number of texts, in constant memory (about 13 MB)."""

    def __init__(self) -> None:
        self._counts = np.zeros(_NUM_CODE_POINTS, dtype=np.int64)
        self._waiting: list[str] = []
        self._num_waiting = 0

    def add(self, text: str) -> None:
        """Count one text."""
        self._waiting.append(text)
        self._num_waiting += len(text)
        if self._num_waiting >= _BATCH_CHARS:
            self._count()

    def result(self) -> tuple[ScriptShare, ...]:
        """Return the scripts found, the most frequent first; nothing where there was no letter."""
        self._count()
        letters: dict[str, int] = {}
        for code_point in np.flatnonzero(self._counts):
            script = script_of(chr(code_point))
            if script:
                letters[script] = letters.get(script, 0) + int(self._counts[code_point])
        total = sum(letters.values())
        ordered = sorted(letters.items(), key=lambda item: (-item[1], item[0]))
        return tuple(ScriptShare(script, count, count / total) for script, count in ordered)

    def _count(self) -> None:
        if not self._waiting:
            return
        # A lone surrogate, which broken JSON can hold, is a code point like any other here.
        text = "".join(self._waiting).encode("utf-32-le", "surrogatepass")
        self._counts += np.bincount(np.frombuffer(text, dtype="<u4"), minlength=_NUM_CODE_POINTS)
        self._waiting, self._num_waiting = [], 0


def script_of(character: str) -> str:
    """Return the script of a letter, `Other` for a rare one, and "" for what is not a letter."""
    if unicodedata.category(character)[0] != "L":
        return ""
    # Full-width, mathematical and superscript letters are letters of their plain script.
    plain = unicodedata.normalize("NFKC", character)[0]
    name = unicodedata.name(plain, "").replace("-", " ").split(" ")[0].capitalize()
    name = _NAMED_OTHERWISE.get(name, name)
    return name if name in _LIVING or name == "Han" else OTHER
