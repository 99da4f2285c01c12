"""Few-shot: rows that were taught to the tuned model, shown to the untuned one as earlier turns.

Chosen at random or by class, the examples are the same for every row, so that all prompts begin alike and the beginning
is computed once; chosen by BM25, they are those whose questions are nearest, the nearest next to the question (Liu et
al. 2022, "What Makes Good In-Context Examples for GPT-3?", arXiv 2101.06804, which found nearest better than random).
Never shown: the row itself, and one that asks the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, zip_longest
from typing import Literal

from tunewright.data.rows import Message, Row
from tunewright.errors import DataError, NoRowsError
from tunewright.evaluate.baselines.asked import Asked, Example, Room, Settings, Wish, before_first_user, fit
from tunewright.evaluate.baselines.kin import Kin, question_of, without_system
from tunewright.evaluate.baselines.retrieval import Bm25, Index
from tunewright.graders.words import normalised

How = Literal["random", "by_class", "bm25"]

_TITLES: dict[How, str] = {"random": "random", "by_class": "by class", "bm25": "bm25"}


@dataclass(frozen=True, slots=True)
class Pool:
    """The rows that examples are taken from, made ready once for every number and choice of them.

    Attributes:
        rows: training rows with a question.
        order: all of their indices, drawn once.
        classes: for each class, the most frequent first, the indices of its rows as `order` has them.
        index: BM25 over their questions.
        kin: which of them must not be shown with a row.
        seed: that of the draw.
    """

    rows: tuple[Row, ...]
    order: tuple[int, ...]
    classes: tuple[tuple[int, ...], ...]
    index: Index
    kin: Kin
    seed: int

    @classmethod
    def of(cls, rows: Sequence[Row], *, seed: int = 0) -> Pool:
        """Return the pool of `rows`; rows without a user turn before the answer, or without an answer, are left out.

        Raises:
            MissingExtraError: if bm25s is not installed.
        """
        usable = tuple(row for row in rows if row.reference and any(each.role == "user" for each in row.prompt))
        order = list(range(len(usable)))
        random.Random(seed).shuffle(order)
        index = Bm25([question_of(row) for row in usable])
        return cls(usable, tuple(order), _classes(usable, order), index, Kin(usable), seed)

    @property
    def has_classes(self) -> bool:
        """Whether answers repeat: each at least twice on average."""
        return bool(self.rows) and 2 * len(self.classes) <= len(self.rows)


class FewShot:
    """The row's own prompt behind `k` examples.

    The examples stand between the system turn and the row's own turns. An example whose system turn is another than the
    row's keeps it as the beginning of its question. Where some have to go, those furthest from the question go first;
    of examples that are the same for all rows, the last, so that the rest is still shared.

    Args:
        pool: what examples are taken from; rows are made into one.
        k: how many.
        how: `random`, `by_class` (balanced over answers, the most frequent class first) or `bm25`.
        room: how long a prompt may be.

    Raises:
        NoRowsError: if there are fewer than `k` rows.
        DataError: `by_class`, if answers do not repeat.
        MissingExtraError: if bm25s is not installed.
    """

    def __init__(self, pool: Pool | Sequence[Row], k: int, how: How, *, room: Room | None = None) -> None:
        self._pool = pool if isinstance(pool, Pool) else Pool.of(pool)
        num_rows = len(self._pool.rows)
        if not 1 <= k <= num_rows:
            rule = f"the number of examples must be from 1 to the number of rows with a question, {num_rows:,}"
            raise NoRowsError(f"{rule}, got {k:,}", hint="ask for fewer examples, or give more training rows")
        if how == "by_class" and not self._pool.has_classes:
            rule = "examples by class need answers that repeat, at least twice each on average"
            found = f"{len(self._pool.classes):,} different ones in {num_rows:,} rows"
            raise DataError(f"{rule}, got {found}", hint="choose examples by bm25 or at random")
        self.name = f"{k} {'example' if k == 1 else 'examples'} ({_TITLES[how]})"
        self.kind: Literal["few_shot"] = "few_shot"
        self.settings: Settings = {"examples": k, "chosen_by": how, "seed": self._pool.seed}
        self._k = k
        self._how: How = how
        self._room = room

    def ask(self, row: Row) -> Asked:
        """Return the row's prompt with the examples before it."""
        own = self._pool.kin.of(row)
        chosen = list(islice(_CHOICES[self._how](self._pool, row, own, self._k), self._k))
        lacking = self._k - len(chosen)
        note = f"{lacking} of {self._k} examples are lacking: the other rows give this row's answer away"
        system = without_system(row.prompt)[0]
        examples = tuple(_example(self._pool.rows[index], system) for index in chosen)
        wish = Wish(row, examples=examples, is_best_last=self._how == "bm25", note=note if lacking else "")
        return fit(wish, self._room)


def few_shots(
    rows: Sequence[Row],
    ks: Sequence[int] = (1, 2, 4, 8),
    hows: Sequence[How] = ("random", "by_class", "bm25"),
    *,
    seed: int = 0,
    room: Room | None = None,
) -> list[FewShot]:
    """Return the baselines for each choice and number; those that `rows` cannot serve are left out.

    Raises:
        MissingExtraError: if bm25s is not installed.
    """
    pool = Pool.of(rows, seed=seed)
    served: list[How] = [how for how in hows if how != "by_class" or pool.has_classes]
    return [FewShot(pool, k, how, room=room) for how in served for k in ks if 1 <= k <= len(pool.rows)]


def _classes(rows: Sequence[Row], order: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    members: dict[str, list[int]] = {}
    for index in order:
        members.setdefault(normalised(rows[index].reference), []).append(index)
    ordered = sorted(members.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(tuple(indices) for _, indices in ordered)


def _at_random(pool: Pool, row: Row, own: frozenset[int], k: int) -> Iterator[int]:
    # A row of kin is replaced by the next of the same draw: all other examples stay in their places.
    return (index for index in pool.order if index not in own)


def _by_class(pool: Pool, row: Row, own: frozenset[int], k: int) -> Iterator[int]:
    """Yield one of each class, then the second of each, and so on."""
    rounds = zip_longest(*((index for index in members if index not in own) for members in pool.classes))
    return (index for index in chain.from_iterable(rounds) if index is not None)


def _nearest(pool: Pool, row: Row, own: frozenset[int], k: int) -> Iterator[int]:
    """Yield the nearest first; where fewer than `k` rows share a word with the question, rows at random after them."""
    found = [index for index, _ in pool.index.search(question_of(row), k + len(own)) if index not in own]
    yield from found
    yield from _at_random(pool, row, own.union(found), k)


_CHOICES: dict[How, Callable[[Pool, Row, frozenset[int], int], Iterator[int]]] = {
    "random": _at_random,
    "by_class": _by_class,
    "bm25": _nearest,
}


def _example(row: Row, system: tuple[Message, ...]) -> Example:
    """Return a row as earlier turns under the system turn `system`; nothing of it is taught."""
    own, turns = without_system((*row.prompt, row.messages[len(row.prompt)]))
    told = "\n".join(message.said for message in own)
    if told and told != "\n".join(message.said for message in system):
        turns = before_first_user(turns, told)
    untaught = tuple(replace(each, weight=0.0) if each.role == "assistant" else each for each in turns)
    return Example(row.where, untaught)
