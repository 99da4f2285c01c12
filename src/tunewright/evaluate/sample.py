"""Which rows are measured where not all of them can be: a bounded sample, stratified, with its bound in words.

Rows come in an order of which every beginning is a sample, so a limit in rows and a limit in time are met alike, and a
larger sample contains the smaller one. Systematic sampling within strata: Cochran 1977, Sampling Techniques, ch. 5
(proportional allocation) and ch. 8 (systematic sampling). Does not know what is measured, nor how many rows that
affords.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from tunewright.data.rows import Row
from tunewright.data.split import field_value
from tunewright.errors import RecipeError
from tunewright.evaluate.baselines.prompts import shape_of
from tunewright.graders.words import normalised

_MAX_NAMED = 8

Strata = Sequence[Hashable]
"""The stratum of each row."""


@dataclass(frozen=True, slots=True)
class Order:
    """Rows in an order of which every beginning is a sample, and what the strata are.

    `by` is `label`, `group`, the name of a metadata field, or empty if nothing stratifies: all rows are of one stratum,
    or each is its own.
    """

    rows: tuple[Row, ...]
    by: str


def stratified_order(rows: Sequence[Row], seed: int, field: str | None = None) -> Order:
    """Return all rows in an order of which every beginning is close to proportional over the strata.

    The i-th of the s rows of a stratum, in random order, gets the key (i + u) / s, u being uniform in [0, 1) and drawn
    once for each stratum; rows are sorted by key. Every row is thus equally likely to be among those below a key. Of N
    rows in H strata the first n hold n·s/N ± (1 + (H − 2)·s/N) rows of that stratum at the very worst, and ± 1 or 2 as
    a rule. So a stratum is surely among them from n = N/s + H − 2 on. Checked against that bound.

    The H draws of u are one from each H-th of [0, 1): drawn freely, many small strata would now and then come early
    together, and push a large one back (by 14 rows for 300 rows and 200 single ones; so by 1).

    The order in which rows come does not matter: they are sorted by file and line first.

    Args:
        seed: the same seed gives the same order.
        field: `label` (the reference), `group` (`metadata.group`; a row without one is its own), or a metadata field,
            also dotted and with `metadata.` before it. None: by label where references look like labels, else by group
            where groups have several rows, else no strata.

    Raises:
        RecipeError: if no row has `field`, which a recipe calls `evaluate.stratify_by`.
    """
    # Rows of one place (a file's line that became several rows) are told apart by what they say.
    placed = sorted(rows, key=lambda row: (row.path, row.line, row.said))
    by, strata = _automatic(placed) if field is None else _asked_for(placed, field)
    members: dict[Hashable, list[Row]] = {}
    for row, stratum in zip(placed, strata, strict=True):
        members.setdefault(stratum, []).append(row)
    draw = random.Random(seed)
    places = list(range(len(members)))
    draw.shuffle(places)
    keyed: list[tuple[float, Row]] = []
    for own, place in zip(members.values(), places, strict=True):
        draw.shuffle(own)
        start = (place + draw.random()) / len(members)
        keyed += [((index + start) / len(own), row) for index, row in enumerate(own)]
    keyed.sort(key=lambda pair: pair[0])
    return Order(tuple(row for _, row in keyed), by if 1 < len(members) < len(placed) else "")


def sample_words(num_chosen: int, num_available: int, by: str, seed: int) -> str:
    """Return the bound of a sample in words: how many rows of how many, and how they were chosen.

    Args:
        by: `Order.by`.
    """
    if not num_available:
        return "no rows"
    if num_chosen >= num_available:
        return "the only row" if num_available == 1 else f"all {num_available:,} rows"
    count = f"{num_chosen:,} of {num_available:,} rows"
    return f"{count}, stratified by {by}, seed {seed}" if by else f"{count}, drawn by seed {seed}"


def _automatic(rows: Sequence[Row]) -> tuple[str, Strata]:
    labels = _labels(rows)
    if len(set(labels)) > 1 and shape_of([row.reference for row in rows]) == "label":
        return "label", labels
    groups = _groups(rows)
    # Rows of one group are rephrasings: a sample that spreads over groups holds more independent evidence.
    return ("group", groups) if len(set(groups)) < len(rows) else ("", [None] * len(rows))


def _asked_for(rows: Sequence[Row], field: str) -> tuple[str, Strata]:
    name = field.removeprefix("metadata.")
    if name == "group" and any(map(_is_grouped, rows)):
        return name, _groups(rows)
    if field == "label" and _have_labels(rows):
        return field, _labels(rows)
    values = [_meta_value(row, name) for row in rows]
    if any(value is not None for value in values):
        return name, [_text(value) for value in values]
    if field == "label" and any(_labels(rows)):
        return field, _labels(rows)
    if rows:
        raise RecipeError(f"evaluate.stratify_by: no row has the field {field!r}", hint=_known_fields(rows))
    return "", []


def _labels(rows: Sequence[Row]) -> list[str]:
    return [normalised(row.reference) for row in rows]


def _have_labels(rows: Sequence[Row]) -> bool:
    """Two rows a label on average: fewer than `shape_of` wants, because here the user says that they are labels."""
    known = [label for label in _labels(rows) if label]
    return bool(known) and 2 * len(set(known)) <= len(known)


def _groups(rows: Sequence[Row]) -> list[Hashable]:
    # A row's number is no text, so it never meets a group.
    return [_text(row.group) if _is_grouped(row) else number for number, row in enumerate(rows)]


def _is_grouped(row: Row) -> bool:
    return row.group is not None and row.group != ""


def _meta_value(row: Row, name: str) -> Any:
    value = row.meta.get(name)
    return field_value(row, f"metadata.{name}") if value is None else value


def _text(value: Any) -> str:
    """Return a text for any value, lists and objects too, which differs between 1 and "1"."""
    return repr(value)


def _known_fields(rows: Sequence[Row]) -> str:
    names = Counter(str(name) for row in rows for name, value in row.meta.items() if value is not None)
    if not names:
        return "the rows have no metadata; leave evaluate.stratify_by out"
    named = ", ".join(name for name, _ in names.most_common(_MAX_NAMED))
    return f"the rows have {named}" + (f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else "")
