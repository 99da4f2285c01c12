"""Which rows the trained model finds hardest: candidates for a wrong label, an odd format, or a contradiction.

Losses arrive as numbers, so this knows neither model nor batch. Rows with the highest mean loss after training are a
known way to find label errors (Pleiss et al., arXiv 2001.10528, rank by a margin over the run; the final loss is its
cheap form).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np

from tunewright.data.encode import EncodedRow
from tunewright.data.rows import Row, TextRow
from tunewright.runs.hardest import Hardest, HardRow

_MAX_SHOWN = 400
_MAX_CONTRADICTIONS = 3

RowLosses = Callable[[Sequence[EncodedRow]], np.ndarray]


def sample_token_rows(rows: Sequence[EncodedRow], max_rows: int, seed: int) -> list[EncodedRow]:
    """Return at most `max_rows` of `rows` in their order: all of them, or a seeded sample without replacement."""
    if len(rows) <= max_rows:
        return list(rows)
    return [rows[index] for index in sorted(random.Random(seed).sample(range(len(rows)), max_rows))]


def find_hardest(
    rows: Sequence[EncodedRow], losses: RowLosses, *, num_kept: int = 12, num_all: int | None = None
) -> Hardest:
    """Return the `num_kept` rows of highest loss, the worst first; a row of a file that became several, once.

    Args:
        losses: returns float64 [rows], mean nats per supervised token. A row without taught tokens has none (NaN) and
            is left out; an infinite loss cannot be ranked by its size and is left out likewise.
        num_all: rows that there are, where `rows` is a sample of them.
    """
    losses_N = losses(rows)
    assert losses_N.shape == (len(rows),), "one loss for each row"
    finite = [index for index in range(len(rows)) if np.isfinite(losses_N[index])]
    # Equal losses keep the order of the rows, so that two runs show the same ones.
    finite.sort(key=lambda index: -losses_N[index])
    worst: dict[str, int] = {}
    for index in finite:
        worst.setdefault(rows[index].source.where, index)
    answers = _answers_by_prompt(rows)
    return Hardest(
        num_rows=len(finite),
        num_all=len(rows) if num_all is None else num_all,
        median_loss=float(np.median(losses_N[finite])) if finite else None,
        rows=[_hard_row(rows[i], float(losses_N[i]), answers) for i in list(worst.values())[:num_kept]],
    )


def _hard_row(row: EncodedRow, loss: float, answers: dict[str, list[tuple[str, str]]]) -> HardRow:
    prompt, answer = _asked(row.source)
    others = [where for where, other in answers.get(prompt, ()) if _plain(other) != _plain(answer)]
    return HardRow(
        path=row.source.path,
        line=row.source.line,
        loss=loss,
        num_supervised=row.num_supervised,
        prompt=_shortened_front(prompt),
        answer=_shortened(answer),
        contradictions=list(dict.fromkeys(others))[:_MAX_CONTRADICTIONS],
    )


def _asked(source: Row | TextRow) -> tuple[str, str]:
    if isinstance(source, TextRow):
        return "", source.text
    return "\n".join(f"{message.role}: {message.said}" for message in source.prompt), source.reference


def _answers_by_prompt(rows: Sequence[EncodedRow]) -> dict[str, list[tuple[str, str]]]:
    """Return (place, answer) of all rows by prompt; a plain text asks nothing, so nothing contradicts it."""
    answers: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        prompt, answer = _asked(row.source)
        if prompt:
            answers.setdefault(prompt, []).append((row.source.where, answer))
    return answers


def _plain(text: str) -> str:
    return " ".join(text.split())


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1].rstrip() + "…"


def _shortened_front(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else "…" + text[1 - _MAX_SHOWN :].lstrip()
