"""Noise that keeps a label: words swapped, left out, in other case, or mistyped; each `(text, rng, rate) → text`.

At most `rate` of the words change, but one where any may: a text of n words changes in at most rate · n + 1 places.
Never touched, since an answer may depend on them: numbers, quotations, code, placeholders, template slots, addresses,
and words that say no, count or compare. Deliberately does not know rows or labels.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from typing import TypeVar

_Item = TypeVar("_Item")

Noise = Callable[[str, random.Random, float], str]
"""Returns the text with noise; the same for the same text, state of the generator and rate (0…1)."""

_PROTECTED = re.compile(
    r"```[\s\S]*?(?:```|\Z)|`[^`\n]*`|\"[^\"\n]*\"|“[^”\n]*”|«[^»\n]*»|„[^“”\n]*[“”]|(?<!\w)'[^'\n]+'(?!\w)"
    r"|\[[^\]\n]*\]|\{[^}\n]*\}|<[^>\n]*>|\$[^$\n]+\$"
    # Anything written together with a digit or with a sign of addresses, paths and identifiers.
    r"|\S*[\d@_/\\=#]\S*"
)
_WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*")
_ONLY_SPACE = re.compile(r"[ \t]+")
# Negations in several languages; numbers and comparisons written out.
_KEPT_WORDS = frozenset(
    """no not never none nobody nothing nor neither without cannot can't don't doesn't didn't won't isn't aren't wasn't
    weren't shouldn't wouldn't couldn't hasn't haven't hadn't mustn't nicht kein keine keinen nie niemals ohne ne pas
    jamais sans non sin nunca jamás nada senza mai niet geen nooit inte aldrig não sem
    zero one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty sixty seventy eighty
    ninety hundred thousand million billion half third quarter double triple twice once dozen first second last
    more less fewer most least than before after only all each every both""".split()
)
# The keys beside each key of a QWERTY keyboard.
_NEIGHBOURS: dict[str, str] = {
    "q": "wa", "w": "qeas", "e": "wrsd", "r": "etdf", "t": "ryfg", "y": "tugh", "u": "yihj", "i": "uojk", "o": "ipkl",
    "p": "ol", "a": "qwsz", "s": "awedxz", "d": "serfcx", "f": "drtgvc", "g": "ftyhbv", "h": "gyujnb", "j": "huikmn",
    "k": "jiolm", "l": "kop", "z": "asx", "x": "zsdc", "c": "xdfv", "v": "cfgb", "b": "vghn", "n": "bhjm", "m": "njk",
}  # fmt: skip


def swap(text: str, rng: random.Random, rate: float) -> str:
    """Exchange words with their right neighbours, where only spaces part them."""
    words = words_of(text)
    pairs = [
        index
        for index in range(len(words) - 1)
        if _ONLY_SPACE.fullmatch(text, words[index][1], words[index + 1][0])
        and text[slice(*words[index])] != text[slice(*words[index + 1])]
    ]
    edits: list[tuple[int, int, str]] = []
    used: set[int] = set()
    for index in _chosen(pairs, len(pairs), rng):
        if len(edits) == _num_changes(len(words), rate):
            break
        if used.isdisjoint((index, index + 1)):
            used |= {index, index + 1}
            (start, left), (right, end) = words[index], words[index + 1]
            edits.append((start, end, text[right:end] + text[left:right] + text[start:left]))
    return _edited(text, edits)


def delete(text: str, rng: random.Random, rate: float) -> str:
    """Leave words out, never all of them."""
    words = words_of(text)
    num = min(_num_changes(len(words), rate), len(words) - 1)
    edits: list[tuple[int, int, str]] = []
    for start, end in _chosen(words, num, rng):
        space = _ONLY_SPACE.match(text, end)
        edits.append((start, space.end() if space else end, ""))
    return _edited(text, edits)


def casing(text: str, rng: random.Random, rate: float) -> str:
    """Write words in lower case, in capitals or with a capital."""
    edits: list[tuple[int, int, str]] = []
    able = [(start, end, ways) for start, end in words_of(text) if (ways := _casings(text[start:end]))]
    for start, end, ways in _chosen(able, _num_changes(len(words_of(text)), rate), rng):
        edits.append((start, end, ways[_below(len(ways), rng)]))
    return _edited(text, edits)


def typo(text: str, rng: random.Random, rate: float) -> str:
    """Mistype words of three letters and more, once each: a neighbouring key, two keys in turn, one missed or twice."""
    words = words_of(text)
    able = [(start, end) for start, end in words if end - start >= 3 and any(c in _NEIGHBOURS for c in text[start:end])]
    edits: list[tuple[int, int, str]] = []
    for start, end in _chosen(able, _num_changes(len(words), rate), rng):
        edits.append((start, end, _mistyped(text[start:end], rng)))
    return _edited(text, edits)


NOISES: dict[str, Noise] = {"typo": typo, "swap": swap, "delete": delete, "casing": casing}


def words_of(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of the words that may be changed."""
    protected = [match.span() for match in _PROTECTED.finditer(text)]
    words: list[tuple[int, int]] = []
    next_protected = 0
    for match in _WORD.finditer(text):
        while next_protected < len(protected) and protected[next_protected][1] <= match.start():
            next_protected += 1
        is_free = next_protected == len(protected) or protected[next_protected][0] >= match.end()
        if is_free and match[0].lower().replace("’", "'") not in _KEPT_WORDS:
            words.append(match.span())
    return words


def protected_of(text: str) -> list[str]:
    """Return the stretches that no change may lose: numbers, quotations, code, placeholders, addresses."""
    return [match[0] for match in _PROTECTED.finditer(text)]


def _num_changes(num_words: int, rate: float) -> int:
    return max(1, math.floor(rate * num_words)) if rate > 0 and num_words else 0


def _chosen(items: list[_Item], num: int, rng: random.Random) -> list[_Item]:
    """Return `num` of the items in random order, or all where there are fewer."""
    pool = list(items)
    num = max(0, min(num, len(pool)))
    for index in range(num):
        other = index + _below(len(pool) - index, rng)
        pool[index], pool[other] = pool[other], pool[index]
    return pool[:num]


def _below(limit: int, rng: random.Random) -> int:
    # Only `random()` is promised to give the same numbers in every version of Python.
    return min(limit - 1, int(rng.random() * limit))


def _casings(word: str) -> list[str]:
    ways = dict.fromkeys((word.lower(), word.upper(), word[:1].upper() + word[1:].lower()))
    # Some letters (ı, İ) do not come back from the other case: such a word would be another one.
    return [way for way in ways if way != word and way.casefold() == word.casefold()]


def _mistyped(word: str, rng: random.Random) -> str:
    slips = (_neighbour, _exchange, _miss, _repeat)
    first = _below(len(slips), rng)
    for slip in slips[first:] + slips[:first]:
        mistyped = slip(word, rng)
        if mistyped != word:
            return mistyped
    return word


def _neighbour(word: str, rng: random.Random) -> str:
    places = [place for place, letter in enumerate(word) if letter.lower() in _NEIGHBOURS]
    if not places:
        return word
    place = places[_below(len(places), rng)]
    keys = _NEIGHBOURS[word[place].lower()]
    key = keys[_below(len(keys), rng)]
    return word[:place] + (key.upper() if word[place].isupper() else key) + word[place + 1 :]


def _exchange(word: str, rng: random.Random) -> str:
    place = _below(len(word) - 1, rng)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _miss(word: str, rng: random.Random) -> str:
    place = 1 + _below(len(word) - 1, rng)
    return word[:place] + word[place + 1 :]


def _repeat(word: str, rng: random.Random) -> str:
    place = _below(len(word), rng)
    return word[: place + 1] + word[place:]


def _edited(text: str, edits: list[tuple[int, int, str]]) -> str:
    pieces, at = [], 0
    for start, end, new in sorted(edits):
        pieces += [text[at:start], new]
        at = end
    return "".join([*pieces, text[at:]])
