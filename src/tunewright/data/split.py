"""Which rows are held out, and in which order the others are seen.

The side of a row follows from the seed and from its key, never from its place or its neighbours. Rows that belong
together (a group, the same words, a near-duplicate cluster, an augmented row and its parent) form one component, and a
component has one key. Shares hold out by hash alone: the share is what is to be expected, and rows added later move no
other. Counts are exact and therefore not quite as steady; `divide` says what each promises. All of it works on columns
of hashes. Deliberately does not know files, tokens or batches, nor how near duplicates are found.
"""

from __future__ import annotations

import hashlib
import json
import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tunewright.data.augment.record import content_hash
from tunewright.data.rows import AnyRow
from tunewright.errors import DataError, NoRowsError

TRAIN, VALIDATION, TEST = 0, 1, 2
PART_NAMES = ("train", "validation", "test")

_HASH_TEXT = re.compile(r"[0-9a-f]{16,}")
_NO_STRATUM = "(none)"
_LARGEST = np.iinfo(np.uint64).max
AnyRowT = TypeVar("AnyRowT", bound=AnyRow)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """How much a part takes: a share (0 ≤ share < 1) of the rows, or a count of rows where one is given."""

    share: float = 0.0
    count: int = 0

    def __bool__(self) -> bool:
        return bool(self.share or self.count)


NOTHING = HeldOut()


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """What `divide` found: the part of each row, and what the parts are made of.

    parts: uint8 (N,), TRAIN, VALIDATION or TEST. num_groups: components in each part. num_placed: components that were
    placed so that a part or a stratum is not empty, against their hash: these alone may move when rows are added.
    """

    parts: np.ndarray
    num_groups: tuple[int, int, int]
    num_placed: int


class RowKeys:
    """What decides the side of each row, as columns of 64-bit hashes: rows are added one by one and not kept.

    Args:
        group_by: fields (`metadata.user`, `label`) whose equal values keep rows together. A row without the field, or
            with null or empty text in it, belongs to no group of that field.
        stratify_by: field whose values are the strata; a row without it is in the stratum `(none)`.
    """

    def __init__(self, *, group_by: Sequence[str] = (), stratify_by: str | None = None) -> None:
        self.group_by = tuple(group_by)
        self.stratify_by = stratify_by
        self.strata_names: dict[int, str] = {}
        self._content, self._place, self._stratum = array("Q"), array("Q"), array("Q")
        self._groups = [array("Q") for _ in self.group_by]
        self._child, self._parent = array("Q"), array("Q")
        self._named, self._name = array("Q"), array("Q")
        self._fields_found: set[str] = set()
        self._meta_names: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._content)

    def add(self, row: AnyRow) -> None:
        """Append the keys of one row."""
        index = len(self._content)
        self._content.append(_hash(row.said))
        self._place.append(_hash(_base_name(row.where)))
        for field, column in zip(self.group_by, self._groups, strict=True):
            value = self._value(row, field)
            column.append(0 if value in (None, "") else _hash(_text(value)))
        if self.stratify_by is not None:
            self._add_stratum(row, self.stratify_by)
        if row.meta:
            self._meta_names.update(dict.fromkeys(row.meta))
            self._add_family(row, index)

    @property
    def has_children(self) -> bool:
        """Whether a row names its parent: then `name_parents` finds parents that nothing else gives away."""
        return bool(self._child)

    def name_parents(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Give each row the name by which its children know it; `records` are those of the rows, in their order."""
        wanted = set(self._parent)
        for index, record in enumerate(records):
            name = _name(content_hash(record))
            if name in wanted:
                self._named.append(index)
                self._name.append(name)

    def refuse_unknown(self, fields: Sequence[str]) -> None:
        """Check that each of `fields` was found in at least one row.

        Raises:
            DataError: one was not.
        """
        for field in fields:
            if field not in self._fields_found and len(self):
                known = ", ".join(f"metadata.{name}" for name in list(self._meta_names)[:8])
                hint = f"the rows have {known}" if known else "the rows have no metadata"
                raise DataError(f"no row has the field {field}, by which the rows are to be divided", hint=hint)

    def strata(self) -> np.ndarray:
        """Return the stratum of each row, uint64 (N,), keys of `strata_names`; all 0 where nothing stratifies."""
        return _column(self._stratum) if self.stratify_by is not None else np.zeros(len(self), dtype=np.uint64)

    def content(self) -> np.ndarray:
        """Return the hash of what each row says, uint64 (N,)."""
        return _column(self._content)

    def components(self, clusters: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the component of each row, int64 (N,) from 0, and the key of each component, uint64.

        Args:
            clusters: near-duplicate cluster of each row, int (N,); rows of one number stay together.
        """
        num_rows = len(self)
        everyone, children = np.arange(num_rows), _column(self._child).astype(np.int64)
        parents, content, places = _column(self._parent), self.content(), _column(self._place)
        placed = np.flatnonzero(np.isin(places, parents))
        named = np.concatenate([placed, _column(self._named).astype(np.int64)])
        names = np.concatenate([places[placed], _column(self._name)])
        edges = [
            _equal_neighbours(everyone, content),
            _equal_neighbours(np.concatenate([named, children]), np.concatenate([names, parents])),
        ]
        groups = [_column(group) for group in self._groups]
        edges += [_equal_neighbours(np.flatnonzero(group), group[group != 0]) for group in groups]
        if clusters is not None:
            edges.append(_equal_neighbours(everyone, np.asarray(clusters)))
        component = _connected(num_rows, *(np.concatenate(ends) for ends in zip(*edges, strict=True)))
        roots = _Roots(content, children, parents, names)
        return component, _component_keys(component, groups, roots)

    def _value(self, row: AnyRow, field: str) -> Any:
        value = field_value(row, field)
        if value is not None:
            self._fields_found.add(field)
        return value

    def _add_stratum(self, row: AnyRow, field: str) -> None:
        value = self._value(row, field)
        name = _NO_STRATUM if value is None else _text(value)
        key = _hash(name)
        self.strata_names.setdefault(key, name)
        self._stratum.append(key)

    def _add_family(self, row: AnyRow, index: int) -> None:
        parent, group = field_value(row, "metadata.augmented.parent"), row.meta.get("group")
        if isinstance(parent, str) and parent:
            self._child.append(index)
            self._parent.append(_name(parent))
        # `data augment` writes the family of a row that has no group as its group: for a parent that is its own name.
        elif isinstance(group, str) and _HASH_TEXT.fullmatch(group):
            self._named.append(index)
            self._name.append(_name(group))


def field_value(row: AnyRow, field: str) -> Any:
    """Return what a row holds under a dotted field, `label` or `metadata.user.id`; None where it holds nothing."""
    head, *rest = field.split(".")
    value: Any = row.meta if head == "metadata" else getattr(row, head, None)
    for name in rest:
        value = value.get(name) if isinstance(value, dict) else None
    return None if callable(value) else value


def split(
    rows: Sequence[AnyRowT],
    share: float,
    seed: int,
    *,
    group_by: str | None = None,
    stratify_by: str | None = None,
) -> tuple[tuple[AnyRowT, ...], tuple[AnyRowT, ...]]:
    """Return (train, validation): disjoint, together all rows, each in the order of `rows`.

    About `share` of the rows are held out, as `divide` does it: rows that say the same, rows with one value of
    `group_by`, and augmented rows and their parents stay together.

    Raises:
        NoRowsError: there is no row.
        DataError: no row has the field `group_by` or `stratify_by`.
    """
    if not rows:
        raise NoRowsError("no row is left to train with", hint="look at the faults of the files, or name another file")
    keys = RowKeys(group_by=(group_by,) if group_by else (), stratify_by=stratify_by)
    for row in rows:
        keys.add(row)
    keys.refuse_unknown([field for field in (group_by, stratify_by) if field])
    parts = divide(keys, HeldOut(share), seed=seed).parts.tolist()
    train = tuple(row for row, part in zip(rows, parts, strict=True) if part == TRAIN)
    return train, tuple(row for row, part in zip(rows, parts, strict=True) if part == VALIDATION)


def divide(
    keys: RowKeys,
    validation: HeldOut,
    test: HeldOut = NOTHING,
    *,
    seed: int,
    clusters: np.ndarray | None = None,
) -> Division:
    """Return the part of each row.

    The score of a component is a hash of seed and key. Validation takes from the lowest scores up, test from the
    highest down, so that neither depends on how much the other takes.

    *Share*: a component is held out if its score is within the share, whatever else is in the set; so in every stratum
    alike the share is what is to be expected, not what is met exactly. Rows added later move no other. The exceptions:
    a new row that ties two components together, or an old one to a group, takes one of them along, as it must; so does
    a parent that arrives after its children; a new member of a near-duplicate cluster does if its hash becomes the
    smallest; and what was placed (below) may move.

    *Count*: exactly so many rows, of each stratum its proportional number (largest remainders), the nearest scores
    first; fewer where groups, which stay whole, do not add up to it. Without strata and groups, k rows added later push
    at most k old rows of a part back into train, and never pull an old one out of train.

    *Placed*, against their hash: train keeps a component of every stratum, though a held-out part need not have one;
    and each part that is asked for gets at least one component where there are enough, even the last of its stratum.

    Raises:
        DataError: a count is larger than what can be held out.
    """
    component, key = keys.components(clusters)
    score = _scores(key, seed)
    size = np.bincount(component, minlength=len(key))
    stratum = _component_strata(component, keys.strata(), len(key))
    part = np.zeros(len(key), dtype=np.uint8)
    for number, asked in ((VALIDATION, validation), (TEST, test)):
        distance = _distance(score, number)
        if asked.count:
            part[_nearest(distance, size, stratum, part == TRAIN, asked.count)] = number
        else:
            part[(part == TRAIN) & (distance < np.uint64(int(asked.share * 2**64)))] = number
    by_hash = part.copy()
    wanted = [n for n, asked in ((VALIDATION, validation), (TEST, test)) if asked]
    _train_every_stratum(part, score, stratum)
    _fill_parts(part, score, stratum, wanted)
    counts = np.bincount(part, minlength=3).tolist()
    return Division(part[component], (counts[0], counts[1], counts[2]), int((part != by_hash).sum()))


def _hash(text: str) -> int:
    # Half of a surrogate pair, which a JSON string may hold, has no plain UTF-8. 0 means "none" in a column.
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") or 1


def _name(text: str) -> int:
    """Return the key of a parent's name: the hash of a record, or its place such as `rows.jsonl:17`."""
    return int(text[:16], 16) if _HASH_TEXT.fullmatch(text) else _hash(_base_name(text))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


def _base_name(where: str) -> str:
    """`data/rows.jsonl:17` → `rows.jsonl:17`: a file is named differently from different folders."""
    return where.replace("\\", "/").rpartition("/")[2]


def _column(values: array[int]) -> np.ndarray:
    return np.frombuffer(values, dtype=np.uint64) if values else np.empty(0, dtype=np.uint64)


# ── components ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _equal_neighbours(rows: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return edges between the rows that share a value: a chain through each value's rows."""
    order = np.argsort(values, kind="stable")
    ordered, rows = values[order], rows[order]
    same = ordered[1:] == ordered[:-1]
    return rows[:-1][same], rows[1:][same]


def _connected(num_rows: int, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the connected component of each row, int64 (N,), numbered from 0.

    Every root is hooked onto its smallest neighbour and paths are then shortened, all rows at once; this takes a few
    rounds where a union-find in Python takes seconds per million rows.
    """
    label = np.arange(num_rows)
    while True:
        a, b = label[left], label[right]
        apart = a != b
        if not apart.any():
            return np.unique(label, return_inverse=True)[1]
        left, right, a, b = left[apart], right[apart], a[apart], b[apart]
        np.minimum.at(label, np.maximum(a, b), np.minimum(a, b))
        while not np.array_equal(shorter := label[label], label):
            label = shorter


class _Roots(NamedTuple):
    """What tells the root of a family: the content of all rows, which rows are children, their parents' names,
    and the names that rows bear."""

    content: np.ndarray
    children: np.ndarray
    parents: np.ndarray
    names: np.ndarray


def _component_keys(component: np.ndarray, groups: Sequence[np.ndarray], roots: _Roots) -> np.ndarray:
    """Return one key for each component: its smallest group, else its smallest root, else its smallest content.

    A key must outlive new members. So a group's name comes first; and of a family only the roots count, since children
    come later: a root is a row without a parent, or the parent that a child names and no row is.
    """
    num_components = int(component.max()) + 1 if len(component) else 0

    def smallest(members: np.ndarray, values: np.ndarray) -> np.ndarray:
        least = np.full(num_components, _LARGEST, dtype=np.uint64)
        np.minimum.at(least, members, values)
        return least

    is_root = ~np.isin(roots.content, roots.content[roots.children])
    unknown = ~np.isin(roots.parents, roots.names)
    root = np.minimum(
        smallest(component[is_root], roots.content[is_root]),
        smallest(component[roots.children[unknown]], roots.parents[unknown]),
    )
    key = np.where(root == _LARGEST, smallest(component, roots.content), root)
    named = np.full(num_components, _LARGEST, dtype=np.uint64)
    for group in groups:
        named = np.minimum(named, smallest(component[group != 0], group[group != 0]))
    return np.where(named == _LARGEST, key, named)


def _component_strata(component: np.ndarray, strata: np.ndarray, num_components: int) -> np.ndarray:
    """Return the stratum of each component: the one of most of its rows, of two the one with the smaller hash."""
    names, code = np.unique(strata, return_inverse=True)
    pairs, count = np.unique(component * np.int64(len(names)) + code, return_counts=True)
    owner, code = np.divmod(pairs, max(1, len(names)))
    order = np.lexsort((code, -count, owner))
    first = np.unique(owner[order], return_index=True)[1]
    return code[order][first] if num_components else np.empty(0, dtype=np.int64)


# ── parts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _scores(keys: np.ndarray, seed: int) -> np.ndarray:
    """Return a uniform uint64 for each key, different for different keys (splitmix64, doi:10.1145/2660193.2660195)."""
    start = int.from_bytes(hashlib.blake2b(b"%d" % seed, digest_size=8).digest(), "big")
    mixed = keys ^ np.uint64(start)
    # Two passes: one leaves the scores of two seeds related where the keys differ in few bits.
    for _ in range(2):
        mixed = mixed + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed = mixed ^ (mixed >> np.uint64(31))
    return mixed


def _distance(score: np.ndarray, number: int) -> np.ndarray:
    return ~score if number == TEST else score


def _nearest(
    distance: np.ndarray, size: np.ndarray, stratum: np.ndarray, is_free: np.ndarray, count: int
) -> np.ndarray:
    """Return the components that hold out `count` rows, each stratum its part; one of each stratum stays."""
    free = np.flatnonzero(is_free)
    free = free[np.lexsort((~distance[free], stratum[free]))]
    # The farthest of each stratum stays in train.
    free = np.delete(free, np.unique(stratum[free], return_index=True)[1])
    free = free[np.argsort(distance[free], kind="stable")]
    available = int(size[free].sum())
    if count > available:
        rule = f"only {available:,} can be: train keeps a group of each stratum"
        hint = "ask for fewer rows, or for a share such as 0.1"
        raise DataError(f"{count:,} rows are to be held out, but {rule}", hint=hint)
    taken: list[int] = []
    rooms = _rooms(np.bincount(stratum, weights=size), count)
    # The second pass takes from any stratum what groups that did not fit, or rows that had to stay, left open.
    for limits in (rooms, [count] * len(rooms)):
        free = np.setdiff1d(free, taken, assume_unique=True)
        rest = count - int(size[taken].sum())
        for index, own, code in zip(free.tolist(), size[free].tolist(), stratum[free].tolist(), strict=True):
            if own <= min(limits[code], rest):
                taken.append(index)
                limits[code] -= own
                rest -= own
    return np.array(taken, dtype=np.int64)


def _rooms(rows_per_stratum: np.ndarray, count: int) -> list[int]:
    """Return how many of `count` rows each stratum gives: proportional, by largest remainders."""
    quota = count * rows_per_stratum / rows_per_stratum.sum()
    whole = np.floor(quota).astype(np.int64)
    # Stable: of equal remainders the stratum with the smaller hash goes first, in whatever order the rows stand.
    whole[np.argsort(whole - quota, kind="stable")[: count - whole.sum()]] += 1
    return whole.tolist()


def _train_every_stratum(part: np.ndarray, score: np.ndarray, stratum: np.ndarray) -> None:
    """Give train one component of each stratum of which it has none: the one nearest to the border."""
    lacking = np.flatnonzero(~np.isin(stratum, stratum[part == TRAIN]))
    border = np.where(part == VALIDATION, ~score, score)[lacking]
    lacking = lacking[np.lexsort((border, part[lacking], stratum[lacking]))]
    part[lacking[np.unique(stratum[lacking], return_index=True)[1]]] = TRAIN


def _fill_parts(part: np.ndarray, score: np.ndarray, stratum: np.ndarray, wanted: Sequence[int]) -> None:
    """Give each empty part of `wanted` the nearest component that train can spare, else the other held-out part."""
    for number in wanted:
        members = [np.flatnonzero(part == donor) for donor in (TRAIN, VALIDATION, TEST)]
        donors = [own for own in members if len(own) > 1]
        if len(members[number]) or not donors:
            continue
        pool = donors[0]
        # A component whose stratum stays in the donor is taken before one that leaves none behind.
        spare = pool[np.bincount(stratum[pool])[stratum[pool]] > 1]
        pool = spare if len(spare) else pool
        part[pool[np.argmin(_distance(score[pool], number))]] = number
