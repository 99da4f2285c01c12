"""Texts as sets of shingles, and the exact Jaccard similarity of two of them; many texts at once, in numpy.

A text is normalised (NFKC, case folded, runs of white space as one space). Its shingles are the five characters that
begin at each of its characters, three in scripts whose characters are words or syllables (Han, kana, hangul).
Characters serve rows of five words and scripts without spaces alike; five of them keep long rows apart, which share
most shorter pieces of their language. A shingle at the end is filled up, so that "yes" has three and only the empty
text has none. Only the texts are held, as UTF-8; shingles are made anew where they are needed. Deliberately does not
know MinHash, nor rows.
"""

from __future__ import annotations

import hashlib
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Iterator

import numpy as np

Tell = Callable[[str, float], None]
"""Is told what is going on and which share of it is done, 0…1; the share of a stream is not known: 0."""

_LONG, _SHORT = 5, 3
_PAD = b"\0" * (_LONG - 1)
# A multilinear hash: one odd random factor for each place in a shingle, then one round that spreads the high bits.
_FACTORS = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F],
    dtype=np.uint64,
)
_SPREAD = np.uint64(0xFF51AFD7ED558CCD)
_HALF = np.uint64(32)
_NUM_CHARACTERS_AT_ONCE = 1 << 20
_NUM_ROWS_BETWEEN_TELLING = 1 << 15


class TextSet:
    """Many texts, and the distinct ones among them, whose numbers do not depend on the order of the rows.

    Args:
        texts: one text per row; read once.
        tell: is told about the reading.

    `text_of_row`, int64 [num_rows]: number of the distinct normalised text of each row. `spelling_of_row`, int64
    [num_rows]: equal for two rows exactly where the texts are equal character by character.
    """

    def __init__(self, texts: Iterable[str], tell: Tell | None = None) -> None:
        spelt, normalised_digests = bytearray(), bytearray()
        self._utf8 = bytearray()
        ends, lengths = array("q", [0]), array("q")
        for row, text in enumerate(texts):
            normal = normalised(text)
            body = normal.encode("utf-8", "surrogatepass")
            digest = _digest(body)
            self._utf8 += body
            ends.append(len(self._utf8))
            lengths.append(len(normal))
            normalised_digests += digest
            spelt += digest if normal == text else _digest(text.encode("utf-8", "surrogatepass"))
            if tell and row % _NUM_ROWS_BETWEEN_TELLING == 0:
                tell("reading rows", 0.0)
        self.num_rows = len(lengths)
        self.text_of_row, first_row = _grouped(normalised_digests)
        self.spelling_of_row, _ = _grouped(spelt)
        self.num_texts = len(first_row)
        ends = np.frombuffer(ends, dtype=np.int64)
        self._begins, self._ends = ends[:-1][first_row], ends[1:][first_row]
        self._lengths = np.frombuffer(lengths, dtype=np.int64)[first_row] if self.num_rows else np.zeros(0, np.int64)

    def shingles(self, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the shingles of some distinct texts as hashes, repeated ones too.

        Args:
            texts: numbers of distinct texts, int [n].

        Returns:
            Hashes below 2^32, uint64 [total]; and where each text's begin, int64 [n + 1].
        """
        parts = (self._utf8[begin:end] for begin, end in zip(self._begins[texts], self._ends[texts], strict=True))
        joined = (_PAD.join(parts) + _PAD).decode("utf-8", "surrogatepass").encode("utf-32-le", "surrogatepass")
        offsets = np.concatenate([[0], np.cumsum(self._lengths[texts])])
        return _hashes(np.frombuffer(joined, dtype=np.uint32), offsets), offsets

    def normal(self, text: int, num_characters: int = 200) -> str:
        """Return the beginning of a distinct text, as it is compared."""
        begin, end = int(self._begins[text]), int(self._ends[text])
        return self._utf8[begin : min(end, begin + 4 * num_characters)].decode("utf-8", "replace")[:num_characters]

    def chunks(self) -> Iterator[np.ndarray]:
        """Yield the numbers of all distinct texts, in chunks that are bounded in characters."""
        yield from _chunks(np.arange(self.num_texts), self._lengths)

    def jaccard(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return |A ∩ B| / |A ∪ B| of the sets of shingles, for each pair of distinct texts; 1 for two empty ones.

        Args:
            first, second: numbers of distinct texts, int [n].

        Returns:
            float64 [n].
        """
        cost = self._lengths[first] + self._lengths[second]
        parts = [self._jaccard(first[pairs], second[pairs]) for pairs in _chunks(np.arange(len(first)), cost)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _jaccard(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        num_pairs = len(first)
        texts, places = np.unique(np.concatenate([first, second]), return_inverse=True)
        hashes, offsets = self.shingles(texts)
        owner = np.repeat(np.arange(len(texts), dtype=np.uint64), np.diff(offsets))
        members = _distinct(owner << _HALF | hashes)
        sizes = np.bincount((members >> _HALF).astype(np.int64), minlength=len(texts))
        begins = np.cumsum(sizes) - sizes
        counts = sizes[places]
        # Both sets of a pair under the pair's number: a hash that then stands twice is in both.
        pair = np.repeat(np.tile(np.arange(num_pairs, dtype=np.uint64), 2), counts)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        hashes_of_pair = members[np.repeat(begins[places], counts) + within] & np.uint64(0xFFFFFFFF)
        keys = np.sort(pair << _HALF | hashes_of_pair)
        twice = (keys[1:][keys[1:] == keys[:-1]] >> _HALF).astype(np.int64)
        shared = np.bincount(twice, minlength=num_pairs)
        union = counts[:num_pairs] + counts[num_pairs:] - shared
        return np.where(union == 0, 1.0, shared / np.maximum(union, 1))


def normalised(text: str) -> str:
    """Return what is compared of a text: NFKC, case folded, each run of white space as one space."""
    if text.isascii():
        return " ".join(text.lower().split())
    # Folding can leave a text that NFKC would change again (U+0345), so that it is asked twice.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())


def spellings(texts: Iterable[str]) -> np.ndarray:
    """Return a number per row, int64 [num_rows], equal exactly where the texts are equal character by character."""
    digests = bytearray()
    for text in texts:
        digests += _digest(text.encode("utf-8", "surrogatepass"))
    return _grouped(digests)[0]


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()


def _grouped(digests: bytearray) -> tuple[np.ndarray, np.ndarray]:
    """Return the group of each digest of 16 bytes, groups numbered in the order of their digests, and a row of each."""
    halves = np.frombuffer(digests, dtype=np.uint64).reshape(-1, 2)
    order = np.lexsort((halves[:, 1], halves[:, 0]))
    ordered = halves[order]
    is_new = np.ones(len(order), dtype=bool)
    is_new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    groups = np.empty(len(order), dtype=np.int64)
    groups[order] = np.cumsum(is_new) - 1
    return groups, order[is_new]


def _chunks(items: np.ndarray, costs: np.ndarray) -> Iterator[np.ndarray]:
    if not len(items):
        return
    chunk_of_item = np.cumsum(costs) // _NUM_CHARACTERS_AT_ONCE
    yield from np.split(items, np.flatnonzero(np.diff(chunk_of_item)) + 1)


def _distinct(keys: np.ndarray) -> np.ndarray:
    keys.sort()
    is_new = np.ones(len(keys), dtype=bool)
    is_new[1:] = keys[1:] != keys[:-1]
    return keys[is_new]


def _hashes(characters: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return the hash of the shingle at each character; texts lie one after another, each followed by the padding."""
    num_places = len(characters) - (_LONG - 1)
    is_text = np.ones(num_places + _LONG - 1, dtype=bool)
    pads = offsets[1:] + np.arange(len(offsets) - 1) * len(_PAD)
    is_text[(pads[:, None] + np.arange(len(_PAD))).ravel()] = False
    wide = characters.astype(np.uint64)
    hashes = wide[:num_places] * _FACTORS[0]
    for place in range(1, _SHORT):
        hashes += wide[place : place + num_places] * _FACTORS[place]
    rest = wide[_SHORT : _SHORT + num_places] * _FACTORS[_SHORT]
    for place in range(_SHORT + 1, _LONG):
        rest += wide[place : place + num_places] * _FACTORS[place]
    if characters.max() >= 0x2E80:
        rest[_is_dense(characters[:num_places])] = 0
    hashes += rest
    hashes ^= hashes >> _HALF
    hashes *= _SPREAD
    return hashes[is_text[:num_places]] >> _HALF


def _is_dense(characters: np.ndarray) -> np.ndarray:
    """Whether a character stands for a word or a syllable: CJK radicals to hangul, and planes 2 and 3."""
    is_basic = (characters >= 0x2E80) & (characters <= 0xD7FF)
    return is_basic | ((characters >= 0x20000) & (characters <= 0x3FFFF))
