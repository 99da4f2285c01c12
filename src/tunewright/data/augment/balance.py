"""How many children each row must have so that every class reaches its share.

Rows that are children already count for their class but get none of their own. Which rows of a class get one more than
the others follows from the seed and their content. Deliberately does not know how a child is made.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tunewright.data.augment.record import content_hash, field_value, is_augmented, prompt_texts
from tunewright.errors import DataError


@dataclass(frozen=True, slots=True)
class Balance:
    """The plan for one file. `quotas`: content hash of a row → its children; `counts`: rows of each class now."""

    field: str
    counts: Mapping[str, int]
    target: int
    quotas: Mapping[str, int]

    def class_of(self, record: Mapping[str, Any]) -> str | None:
        """Return the name of the record's class; None if it has none."""
        return _class_of(record, self.field)


def plan_balance(records: Iterable[Mapping[str, Any]], field: str, ratio: float, seed: int) -> Balance:
    """Return how many children each row needs so that each class has at least `ratio` times the rows of the largest.

    Args:
        records: every record of the file, once.
        field: the class of a record, such as `label`, `metadata.topic` or `messages[-1].content`.
        ratio: above 0, at most 1; 1 makes all classes equal.
        seed: decides which rows of a class get one more than the others.

    Raises:
        DataError: no record has the field, or the ratio is out of range.
    """
    if not 0 < ratio <= 1:
        raise DataError(f"the ratio must be above 0 and at most 1, got {ratio}", hint="1 makes all classes equal")
    counts: dict[str, int] = {}
    parents: dict[str, dict[str, None]] = {}
    for record in records:
        name = _class_of(record, field)
        if name is None:
            continue
        counts[name] = counts.get(name, 0) + 1
        if not is_augmented(record) and prompt_texts(record):
            # A dict keeps one of several equal rows: its children would be equal too.
            parents.setdefault(name, {})[content_hash(record)] = None
    if not counts:
        raise DataError(f"no record has the field {field!r}", hint="name the field that holds the class, such as label")
    target = math.ceil(ratio * max(counts.values()) - 1e-9)
    quotas: dict[str, int] = {}
    for name, hashes in parents.items():
        missing = max(0, target - counts[name])
        each, more = divmod(missing, len(hashes))
        ordered = sorted(hashes, key=lambda parent: hashlib.blake2b(f"{seed}\n{parent}".encode()).digest())
        quotas.update({parent: each + (place < more) for place, parent in enumerate(ordered)})
    return Balance(field, counts, target, {parent: quota for parent, quota in quotas.items() if quota})


def _class_of(record: Mapping[str, Any], field: str) -> str | None:
    value = field_value(record, field)
    if value is None:
        return None
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
