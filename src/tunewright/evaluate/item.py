"""What graders see of a row: the one place where a row of the data room becomes an item of theirs."""

from __future__ import annotations

from tunewright.data.rows import Row
from tunewright.graders.grade import Item


def item_of(row: Row) -> Item:
    """Return what graders see of a row."""
    return Item(
        reference=row.reference,
        meta=row.meta,
        prompt=tuple((message.role, message.said) for message in row.prompt),
        tool_calls=row.reference_calls,
    )
