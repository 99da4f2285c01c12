"""Token rows of the shapes that training speed depends on, the same ones for the same seed; and their file.

Four sets: `plain` chat rows, rows behind one `system` prompt, `short` answers to long prompts, preference `pairs`.
Ids are drawn by rank (a few are frequent) and half of them follow from the id before, so that there is something to
learn. Deliberately knows no trainer and imports none: every arm reads the same file, in the order of its rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SYSTEM_TOKENS = 200
_FIRST_ID = 4  # the ids below are special tokens
_SIGMA = 0.6  # spread of log(length): with a mean of 125, nine rows of ten have 40 to 270 tokens


@dataclass(frozen=True, slots=True, eq=False)
class TokenRow:
    """One row; its last `num_taught` tokens are taught, at least 1 and never its first. `ids` int32."""

    ids: np.ndarray
    num_taught: int

    @property
    def labels(self) -> list[int]:
        """The ids where they are taught and -100 elsewhere: what transformers takes."""
        return [-100] * (len(self.ids) - self.num_taught) + self.ids[len(self.ids) - self.num_taught :].tolist()


def make_rows(name: str, count: int, vocabulary: int, seed: int = 0) -> list[TokenRow]:
    """Return `count` rows of the set `name`; of `pairs`, two rows after each other are a pair."""
    chance = np.random.default_rng([seed, list(ROW_SETS).index(name)])
    rows = ROW_SETS[name](_Text(chance, vocabulary), chance)
    return [next(rows) for _ in range(count)]


def save_rows(path: Path, rows: Sequence[TokenRow]) -> Path:
    """Write the rows and return `path`."""
    ids = np.concatenate([row.ids for row in rows])
    lengths, taught = [len(row.ids) for row in rows], [row.num_taught for row in rows]
    np.savez(path, ids=ids, lengths=np.array(lengths), taught=np.array(taught))
    return path


def load_rows(path: Path) -> list[TokenRow]:
    """Read what `save_rows` wrote."""
    with np.load(path) as file:
        pieces = np.split(file["ids"], np.cumsum(file["lengths"])[:-1])
        return [TokenRow(ids, int(taught)) for ids, taught in zip(pieces, file["taught"], strict=True)]


def num_tokens(rows: Sequence[TokenRow]) -> int:
    """Return the tokens of the rows as given: a prefix counts once for each row, padding never."""
    return sum(len(row.ids) for row in rows)


def ideal_pair_cost(rows: Sequence[TokenRow]) -> float:
    """Return (p + 2c) / (2p + 2c) over rows of which two after each other are a pair with one prompt."""
    apart = num_tokens(rows)
    saved = 0
    for chosen, rejected in zip(rows[::2], rows[1::2], strict=True):
        width = min(len(chosen.ids), len(rejected.ids))
        differ = np.flatnonzero(chosen.ids[:width] != rejected.ids[:width])
        saved += int(differ[0]) if len(differ) else width
    return (apart - saved) / apart


class _Text:
    """Draws ids: by rank p ∝ 1 / (rank + 10); every second one is the fixed successor of the id before."""

    def __init__(self, chance: np.random.Generator, vocabulary: int) -> None:
        size = vocabulary - _FIRST_ID
        weights = 1.0 / (np.arange(size) + 10.0)
        self.chance, self.share = chance, np.cumsum(weights / weights.sum())
        self.successor = np.random.default_rng(0).permutation(size)

    def draw(self, count: int) -> np.ndarray:
        """Return `count` ids."""
        drawn = np.minimum(np.searchsorted(self.share, self.chance.random(count)), len(self.share) - 1)
        follows = self.chance.random(count) < 0.5
        for place in range(1, count):
            if follows[place]:
                drawn[place] = self.successor[drawn[place - 1]]
        return (drawn + _FIRST_ID).astype(np.int32)


def _length(chance: np.random.Generator, mean: float, low: int, high: int) -> int:
    return int(np.clip(round(chance.lognormal(math.log(mean) - _SIGMA**2 / 2, _SIGMA)), low, high))


def _plain(text: _Text, chance: np.random.Generator) -> Iterator[TokenRow]:
    while True:
        length = _length(chance, 125, 30, 512)
        yield TokenRow(text.draw(length), max(1, round(length * chance.uniform(0.2, 0.6))))


def _system(text: _Text, chance: np.random.Generator) -> Iterator[TokenRow]:
    prompt = text.draw(SYSTEM_TOKENS)
    while True:
        own = _length(chance, 50, 12, 200)
        ids = np.concatenate([prompt, text.draw(own)])
        yield TokenRow(ids, max(1, round(own * chance.uniform(0.3, 0.7))))


def _short(text: _Text, chance: np.random.Generator) -> Iterator[TokenRow]:
    while True:
        yield TokenRow(text.draw(_length(chance, 125, 30, 512)), int(chance.integers(1, 5)))


def _pairs(text: _Text, chance: np.random.Generator) -> Iterator[TokenRow]:
    while True:
        prompt = text.draw(_length(chance, 125, 30, 512))
        for _ in range(2):
            answer = text.draw(_length(chance, 60, 8, 256))
            yield TokenRow(np.concatenate([prompt, answer]), len(answer))


ROW_SETS: dict[str, Callable[[_Text, np.random.Generator], Iterator[TokenRow]]] = {
    "plain": _plain,
    "system": _system,
    "short": _short,
    "pairs": _pairs,
}
