"""Which columns are held against which? Fixed by what the columns are, before any score is seen.

A rival that is picked by the test set looks better than it is (the winner's curse), and a test of it is worth less
than it says. Comparisons that are planned need no mending beyond Holm's for their number; so every column that needs no
training is a rival, not the luckiest one alone. Knows kinds and names; sees no score and tests nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunewright.runs.evaluation import ColumnKind

_RIVALS: Mapping[ColumnKind, frozenset[ColumnKind]] = {
    "tuned": frozenset({"prompt", "few_shot", "retrieval", "remote"}),
    "tuned_retrieval": frozenset({"prompt", "few_shot", "retrieval", "remote", "tuned"}),
    "remote": frozenset({"prompt", "few_shot", "retrieval"}),
}
"""Beside the base, which every column is held against."""


def planned_pairs(columns: Sequence[tuple[str, ColumnKind]]) -> list[tuple[str, str]]:
    """Return the pairs (column, against) of `columns` (name, kind) that are worth a test, each once.

    Each column against the (first) base. A tuned one against each that needs no training, and with passages also
    against each without; of several tuned ones the later against the earlier. A remote one against each that needs no
    training here. Ways that need no training are not held against each other: which of them is best decides nothing.
    """
    base = next((name for name, kind in columns if kind == "base"), None)
    pairs = [] if base is None else [(name, base) for name, _ in columns]
    for place, (name, kind) in enumerate(columns):
        rivals = _RIVALS.get(kind, frozenset())
        pairs += [(name, other) for other, other_kind in columns if other_kind in rivals]
        if kind == "tuned":
            pairs += [(name, earlier) for earlier, earlier_kind in columns[:place] if earlier_kind == "tuned"]
    return [(name, other) for name, other in dict.fromkeys(pairs) if name != other]
