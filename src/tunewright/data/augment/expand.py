"""The children of one record: each way of changing a text, so many times, without a copy of anything among them.

A child depends on the seed, the content of its parent and its number alone: not on the other rows, nor on their order.
Deliberately does not know files, nor how many children are wanted (`balance`).
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from tunewright.data.augment.noise import NOISES
from tunewright.data.augment.record import Place, child, content_hash, is_augmented, prompt_texts
from tunewright.data.augment.templates import Family, reworded

_MAX_FRUITLESS = 20


class Way(Protocol):
    """One way of saying a prompt differently."""

    @property
    def name(self) -> str:
        """What is written into the metadata of a child."""
        ...

    def change(self, texts: Mapping[Place, str], rng: random.Random, copy: int) -> dict[Place, str]:
        """Return the texts that differ; the same for the same texts, generator and number of the copy."""
        ...


@dataclass(frozen=True, slots=True)
class NoiseWay:
    """One kind of noise, on every text of the prompt side."""

    name: str
    rate: float

    def change(self, texts: Mapping[Place, str], rng: random.Random, copy: int) -> dict[Place, str]:
        """Return the texts with noise."""
        return {place: NOISES[self.name](text, rng, self.rate) for place, text in texts.items()}


@dataclass(frozen=True, slots=True)
class TemplateWay:
    """Another wording of the last text that has one; each copy has its own."""

    families: tuple[Family, ...]
    name: str = "template"

    def change(self, texts: Mapping[Place, str], rng: random.Random, copy: int) -> dict[Place, str]:
        """Return the text in its next wording; nothing where there is none left."""
        for place in reversed(list(texts)):
            # The order of the wordings must be that of the first copy: otherwise two copies could be the same.
            variants = reworded(texts[place], self.families, random.Random(content_hash({"text": texts[place]})))
            if variants:
                return {place: variants[copy]} if copy < len(variants) else {}
        return {}


class Child(NamedTuple):
    """A new record, the way it was made, and one changed text before and after."""

    record: dict[str, Any]
    how: str
    before: str
    after: str


class Children(NamedTuple):
    """What was made of one record, and how many attempts gave nothing new."""

    made: list[Child]
    num_same: int


def copies(record: dict[str, Any], ways: Sequence[Way], num_copies: int, seed: int) -> Children:
    """Return up to `num_copies` children by each way; none of a record that has no prompt side or is itself a child."""
    plan = [(way, copy) for way in ways for copy in range(num_copies)]
    return _children(record, plan, len(plan), seed)


def exactly(record: dict[str, Any], ways: Sequence[Way], num: int, seed: int) -> Children:
    """Return `num` different children by all ways in turn; fewer where a short text does not have as many."""
    plan = ((ways[index % len(ways)], index // len(ways)) for index in itertools.count())
    return _children(record, plan, num, seed)


def _children(record: dict[str, Any], plan: Iterable[tuple[Way, int]], num: int, seed: int) -> Children:
    texts = prompt_texts(record)
    made: list[Child] = []
    num_same = fruitless = 0
    if not texts or is_augmented(record):
        return Children(made, 0)
    parent = content_hash(record)
    seen = {tuple(texts.values())}
    for way, copy in plan:
        # As many attempts in a row without anything new: the text has no more to give.
        if len(made) == num or fruitless == max(_MAX_FRUITLESS, num):
            break
        changed = way.change(texts, _generator(seed, parent, way.name, copy), copy)
        said = tuple(changed.get(place, text) for place, text in texts.items())
        if said in seen:
            num_same += 1
            fruitless += 1
            continue
        seen.add(said)
        fruitless = 0
        place = next(place for place, text in changed.items() if text != texts[place])
        made.append(Child(child(record, changed, way.name, seed), way.name, texts[place], changed[place]))
    return Children(made, num_same)


def _generator(seed: int, parent: str, way: str, copy: int) -> random.Random:
    digest = hashlib.blake2b(f"{seed}\n{parent}\n{way}\n{copy}".encode(), digest_size=8).digest()
    return random.Random(int.from_bytes(digest, "little"))
