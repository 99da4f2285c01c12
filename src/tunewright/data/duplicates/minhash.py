"""MinHash signatures through rensa, and the pairs of texts whose signatures agree in a band (LSH).

The only file that knows rensa (0.5, https://github.com/beowolx/rensa; why it: docs/decisions/0008). It makes the
signatures; bands are sorted here, in numpy, because its own index answers for one Python object at a time. A pair that
comes from here is a candidate and nothing more. Signatures are a function of text and seed: no hash of Python is used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tunewright.data.duplicates.shingles import Tell, TextSet
from tunewright.errors import DataError, MissingExtraError

NUM_HASHES = 128
LOWEST_THRESHOLD = 0.5

_MOST_MISSED = 0.005
_WINDOW = 40
_NUM_PAIRS_AT_ONCE = 1 << 16
_HALF = np.uint64(32)


class Signatures:
    """What is left of each text to find its neighbours by: a key per band and one byte per hash.

    Args:
        texts: the texts; their shingles are made once and not kept.
        threshold: similarity from which a pair shall be found.
        seed: of the hashes.
        tell: is told the share that is done.

    Raises:
        MissingExtraError: rensa is not installed.
        DataError: the threshold is not between 0.5 and 1.
    """

    def __init__(self, texts: TextSet, threshold: float, seed: int, tell: Tell | None = None) -> None:
        num_rows = rows_per_band(threshold)
        self.num_bands = NUM_HASHES // num_rows
        # Four standard deviations of the estimate: what is cut here was hardly ever similar enough.
        self._least = threshold - 4 * math.sqrt(threshold * (1 - threshold) / NUM_HASHES)
        self._keys = np.empty((self.num_bands, texts.num_texts), dtype=np.uint32)
        self._bytes = np.empty((texts.num_texts, NUM_HASHES), dtype=np.uint8)
        factors = np.random.default_rng(seed).integers(1, 1 << 63, num_rows, dtype=np.uint64) | np.uint64(1)
        for chunk in texts.chunks():
            signatures = _signatures(*texts.shingles(chunk), seed)
            self._bytes[chunk] = signatures.astype(np.uint8)
            banded = signatures[:, : self.num_bands * num_rows].reshape(len(chunk), self.num_bands, num_rows)
            self._keys[:, chunk] = ((banded * factors).sum(axis=2, dtype=np.uint64) >> _HALF).T
            if tell:
                tell("computing signatures", (int(chunk[-1]) + 1) / texts.num_texts)

    def pairs(self, band: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield pairs of texts that agree in a band, the first number the lower one, int64 [n] each.

        Every pair of a bucket of up to 41 texts; of a larger one each text with its 40 next, by digest: where texts
        share a template a bucket may hold all of them, and a text has then other neighbours in other bands.
        """
        numbers = np.arange(self._keys.shape[1], dtype=np.uint64)
        ordered = np.sort(self._keys[band].astype(np.uint64) << _HALF | numbers)
        keys, texts = ordered >> _HALF, (ordered & np.uint64(0xFFFFFFFF)).astype(np.int64)
        places = np.arange(len(keys))
        for distance in range(1, _WINDOW + 1):
            places = places[: np.searchsorted(places, len(keys) - distance)]
            places = places[keys[places] == keys[places + distance]]
            if not len(places):
                return
            yield texts[places], texts[places + distance]

    def are_likely(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return which pairs the signatures leave a chance to be similar enough, bool [n]."""
        likely = np.empty(len(first), dtype=bool)
        for begin in range(0, len(first), _NUM_PAIRS_AT_ONCE):
            part = slice(begin, begin + _NUM_PAIRS_AT_ONCE)
            share = (self._bytes[first[part]] == self._bytes[second[part]]).mean(axis=1)
            # A byte agrees by chance once in 256.
            likely[part] = (share - 1 / 256) / (1 - 1 / 256) >= self._least - 1e-9
        return likely


def rows_per_band(threshold: float) -> int:
    """Return the most hashes per band with which a pair at the threshold is missed by at most 1 in 200.

    A pair of similarity s is missed with the probability (1 − s^r)^b, for b bands of r hashes. More hashes per band
    mean fewer candidates.

    Raises:
        DataError: the threshold is not between 0.5 and 1.
    """
    if not LOWEST_THRESHOLD <= threshold <= 1:
        rule = f"threshold must be between {LOWEST_THRESHOLD} and 1, got {threshold:g}"
        raise DataError(rule, hint="0.8 finds rows that differ in a few words; 1 those with the same shingles")
    fitting = (r for r in range(16, 0, -1) if (1 - threshold**r) ** (NUM_HASHES // r) <= _MOST_MISSED)
    return next(fitting)


def _signatures(hashes: np.ndarray, offsets: np.ndarray, seed: int) -> np.ndarray:
    """Return the signatures, uint64 [num_texts, NUM_HASHES], values below 2^32."""
    try:
        from rensa import RMinHash  # pyright: ignore[reportAttributeAccessIssue]  - compiled, without types
    except ImportError as error:
        raise MissingExtraError.of("data", "rensa") from error
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets, NUM_HASHES, seed)
    return np.array(matrix.to_rows(), dtype=np.uint64)
