"""From token rows to what the loop consumes: which rows make a step, and in which forests they are computed.

The order of an epoch stays a seeded shuffle; only inside a short window of it do rows that begin alike come together,
so that one forest can share their prefix. A step is cut into forests by the tokens that each must compute.
Deliberately does not know epochs, objectives or devices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal

import numpy as np

from tunewright.data.encode import EncodedRow
from tunewright.data.forest import Forest, pack
from tunewright.data.prefix_tree import MIN_PREFIX, grow, shared_length, sort_by_prefix, useful_tokens

Layout = Literal["tree", "packed", "padded"]

WINDOW_STEPS = 16
"""Steps among whose rows those that begin alike are brought together: a stretch that is short beside an epoch."""
_OWN_SHARE = 0.25
"""Rows are brought together only for a prefix that is at least this share of the shorter one."""
_OWN_TOKENS = 32


def plan_steps(rows: Sequence[EncodedRow], order: Sequence[int] | np.ndarray, batch_size: int) -> list[list[int]]:
    """Return the optimiser steps of one epoch, as lists of row indices.

    Every step takes the next `batch_size` rows of `order` (the last one takes what is left), after rows of one window
    that begin alike have been brought together: they come where the first of them stood. A prefix that all rows of a
    window share brings nobody together, because any step shares it.
    """
    indices = [int(index) for index in order]
    window = WINDOW_STEPS * batch_size
    grouped = [index for start in range(0, len(indices), window) for index in _together(rows, indices[start:][:window])]
    return [grouped[start : start + batch_size] for start in range(0, len(grouped), batch_size)]


def make_forests(rows: Sequence[EncodedRow], max_tokens: int, layout: Layout = "tree") -> list[Forest]:
    """Return the rows of one step as forests, each of about `max_tokens` computed tokens unless one row has more.

    `tree` shares prefixes, `packed` does not, and `padded` counts what filling up to the longest row will cost.
    The targets of every row are complete, so the sum over the forests is the step's, however it is cut.
    `target_row` counts in `rows`; a row without a taught token is in no forest.
    """
    plant = grow if layout == "tree" else pack
    indices = [index for index, row in enumerate(rows) if row.num_supervised]
    forests: list[Forest] = []
    for part in _CUTS[layout](rows, indices, max_tokens):
        forest = plant([rows[index] for index in part])
        forests.append(replace(forest, target_row=np.array(part, dtype=np.int32)[forest.target_row]))
    return forests


def _together(rows: Sequence[EncodedRow], window: list[int]) -> list[int]:
    order = [window[k] for k in sort_by_prefix([rows[index] for index in window])]
    shared = [shared_length(rows[a].ids, rows[b].ids) for a, b in pairwise(order)]
    # What the whole window has in common is shared in whatever step a row is.
    common = min(shared, default=0)
    groups: list[list[int]] = []
    for index, length, before in zip(order, [0, *shared], [order[0], *order] if order else [], strict=False):
        shorter = min(rows[index].num_tokens, rows[before].num_tokens)
        if groups and length - common >= max(_OWN_TOKENS, _OWN_SHARE * shorter):
            groups[-1].append(index)
        else:
            groups.append([index])
    if len(groups) == len(order):
        return window
    place = {index: k for k, index in reversed(list(enumerate(window)))}
    return [index for group in sorted(groups, key=lambda each: min(place[i] for i in each)) for index in group]


def _cut_sorted(rows: Sequence[EncodedRow], indices: Sequence[int], max_tokens: int) -> Iterator[list[int]]:
    """Yield neighbours by prefix; a prefix too short to be shared is counted again."""
    part: list[int] = []
    num_tokens = before = 0
    order = sort_by_prefix([rows[index] for index in indices])
    for index in (indices[k] for k in order):
        own = useful_tokens(rows[index])
        shared = min(before, own, shared_length(rows[part[-1]].ids, rows[index].ids)) if part else 0
        cost = own - shared if shared >= MIN_PREFIX else own
        if part and num_tokens + cost > max_tokens:
            yield part
            part, num_tokens, cost = [], 0, own
        part.append(index)
        num_tokens, before = num_tokens + cost, own
    if part:
        yield part


def _cut_packed(rows: Sequence[EncodedRow], indices: Sequence[int], max_tokens: int) -> Iterator[list[int]]:
    part: list[int] = []
    num_tokens = 0
    for index in indices:
        if part and num_tokens + rows[index].num_tokens > max_tokens:
            yield part
            part, num_tokens = [], 0
        part.append(index)
        num_tokens += rows[index].num_tokens
    if part:
        yield part


def _cut_padded(rows: Sequence[EncodedRow], indices: Sequence[int], max_tokens: int) -> Iterator[list[int]]:
    """Yield rows of like length, the longest first: memory runs out at once or never."""
    part: list[int] = []
    for index in sorted(indices, key=lambda each: -rows[each].num_tokens):
        if part and (len(part) + 1) * rows[part[0]].num_tokens > max_tokens:
            yield part
            part = []
        part.append(index)
    if part:
        yield part


_CUTS = {"tree": _cut_sorted, "packed": _cut_packed, "padded": _cut_padded}
