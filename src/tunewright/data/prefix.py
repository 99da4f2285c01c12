"""The same tokens in front of every row: how rows meet the virtual tokens of a tuned prompt.

The prefix is context only: nothing of it is taught, and as all rows begin with it, a prompt tree computes it once.
Deliberately does not know which tokens these are, nor how long a row may become (the limit on rows is to leave room).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunewright.data.encode import EncodedRow


def with_prefix(rows: Sequence[EncodedRow], ids: Sequence[int]) -> tuple[EncodedRow, ...]:
    """Return `rows` with `ids` in front of each, at weight 0; the rows given stay as they are."""
    if not ids:
        return tuple(rows)
    front, untaught = np.asarray(ids, dtype=np.int32), np.zeros(len(ids), dtype=np.float32)
    return tuple(
        EncodedRow(np.concatenate([front, row.ids]), np.concatenate([untaught, row.weights]), row.source)
        for row in rows
    )
