"""Does a tuned model complete its training rows word for word from half of the answer?

Discoverable memorisation of Carlini et al. 2023 (arXiv 2202.07646, section 3): the model is given the prompt and the
first half of the answer, and decodes greedily; a row counts if the second half comes out token for token. A plain
answer comes out without being memorised, so the same is measured on held-out rows and subtracted, and rows that the
base completes as well count on neither side. Deliberately does not know engines: completing is a callable.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tunewright.data.encode import EncodedRow
from tunewright.runs.evaluation import Signal

MIN_TOKENS = 8
"""Fewest tokens that must come out: shorter ones are hit by chance and by habit (a label, a yes)."""
NUM_PROBES = 100
_MAX_EXAMPLES = 10

Complete = Callable[[list[list[int]]], list[list[int]]]
"""Greedy continuations of token ids, each at least as long as its probe's `wanted` unless the model ended it."""

Interval = Callable[[int, int], tuple[float, float]]
"""(number of hits, number of tries) → a 95 % interval of the share."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What is asked (prompt and first half of the answer, as ids), what memory would answer, and the row's place."""

    asked: tuple[int, ...]
    wanted: tuple[int, ...]
    where: str


def make_probes(rows: Sequence[EncodedRow], num_rows: int = NUM_PROBES, *, seed: int = 0) -> list[Probe]:
    """Return probes of at most `num_rows` rows, a seeded sample of those whose second half has 8 tokens or more.

    The answer is the last run of taught tokens, without its last one: the mark that ends the turn, which is no word.
    Of one text that stands in several rows there is one probe, so that repeated rows do not count as evidence twice.
    """
    probes: dict[tuple[tuple[int, ...], tuple[int, ...]], Probe] = {}
    for row in rows:
        probe = _probe(row)
        if probe is not None:
            probes.setdefault((probe.asked, probe.wanted), probe)
    chosen = list(probes.values())
    if len(chosen) > num_rows:
        kept = sorted(random.Random(f"memorised {seed}").sample(range(len(chosen)), num_rows))
        chosen = [chosen[index] for index in kept]
    return chosen


def longest(probes: Sequence[Probe]) -> int:
    """Return how many tokens must be generated at most for these probes; 0 for none."""
    return max((len(probe.wanted) for probe in probes), default=0)


def memorised(
    train: Sequence[Probe],
    held_out: Sequence[Probe],
    complete: Complete,
    interval: Interval,
    *,
    base: Complete | None = None,
) -> Signal:
    """Return the signal `memorised`: share completed of training rows − share completed of held-out rows.

    The interval of the difference is Newcombe's (1998, method 10) from those of both shares:
    d − √((p−l)² + (v−q)²), d + √((u−p)² + (q−m)²) for shares p in [l, u] and q in [m, v].

    Args:
        train, held_out: of `make_probes`.
        complete: the tuned model.
        interval: of one share; Wilson's.
        base: the untuned model: rows that it completes were no work of the training and are left out of both shares.
    """
    train_hits, held_hits = _hits(train, complete), _hits(held_out, complete)
    note = ""
    if base is not None:
        train_known, held_known = _hits(train, base), _hits(held_out, base)
        train, train_hits = _without(train, train_hits, train_known)
        held_out, held_hits = _without(held_out, held_hits, held_known)
        count = sum(train_known) + sum(held_known)
        note = f"; {count} rows that the base completes too are left out" if count else ""
    if not train or not held_out:
        which = "training" if not train else "held-out"
        rule = f"not measured: no {which} row has a second half of {MIN_TOKENS} tokens to complete{note}"
        return Signal(name="memorised", value=None, num_rows=len(train), is_bad=False, rule=rule)
    value, low, high = _difference((sum(train_hits), len(train)), (sum(held_hits), len(held_out)), interval)
    rule = (
        f"completed word for word from half the answer: {sum(train_hits)} of {len(train)} training rows, "
        f"{sum(held_hits)} of {len(held_out)} held-out rows{note}; "
        "bad if the difference of the shares is surely above 0"
    )
    found = [probe.where for probe, is_hit in zip(train, train_hits, strict=True) if is_hit]
    return Signal(
        name="memorised",
        value=value,
        low=low,
        high=high,
        num_rows=len(train),
        is_bad=low > 0,
        rule=rule,
        examples=found[:_MAX_EXAMPLES],
    )


def _probe(row: EncodedRow) -> Probe | None:
    taught = np.flatnonzero(row.weights)
    if not len(taught):
        return None
    end = int(taught[-1])
    before = np.flatnonzero(row.weights[:end] == 0)
    start = int(before[-1]) + 1 if len(before) else 0
    middle = start + (end - start) // 2
    if end - middle < MIN_TOKENS:
        return None
    ids = row.ids.tolist()
    return Probe(tuple(ids[:middle]), tuple(ids[middle:end]), row.source.where)


def _hits(probes: Sequence[Probe], complete: Complete) -> list[bool]:
    if not probes:
        return []
    answers = complete([list(probe.asked) for probe in probes])
    return [tuple(answer[: len(probe.wanted)]) == probe.wanted for probe, answer in zip(probes, answers, strict=True)]


def _without(probes: Sequence[Probe], hits: Sequence[bool], known: Sequence[bool]) -> tuple[list[Probe], list[bool]]:
    kept = [index for index, is_known in enumerate(known) if not is_known]
    return [probes[index] for index in kept], [hits[index] for index in kept]


def _difference(first: tuple[int, int], second: tuple[int, int], interval: Interval) -> tuple[float, float, float]:
    p, q = first[0] / first[1], second[0] / second[1]
    (p_low, p_high), (q_low, q_high) = interval(*first), interval(*second)
    value = p - q
    return value, value - math.hypot(p - p_low, q_high - q), value + math.hypot(p_high - p, q - q_low)
