"""Passages found for the question, in the system turn: BM25 by default, any other `Index` instead.

BM25 in Lucene's variant, k1 = 1.5, b = 0.75, computed by bm25s (Lù 2024, arXiv 2407.03618; the variant: Kamphuis et al.
2020, "Which BM25 Do You Mean?", table 1). No stemming and no stop words, so that no language is favoured: words that
are everywhere weigh next to nothing anyway. Does not know where passages come from.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np

from tunewright.data.rows import Row
from tunewright.errors import MissingExtraError
from tunewright.evaluate.baselines.asked import Asked, Room, Settings, Wish, fit
from tunewright.evaluate.baselines.documents import Passage
from tunewright.evaluate.baselines.kin import Kin, question_of
from tunewright.graders.overlap import UNSPACED
from tunewright.runs.evaluation import ColumnKind

FACTS = "Here are the facts. Answer from them.\n\n{passages}"
"""Default instruction; `{passages}` is where they go, and without it they go behind."""

K1, B = 1.5, 0.75

_DECIMALS = 9

_SPACELESS = re.compile(f"[{UNSPACED}]+")


class Index(Protocol):
    """Finds texts by a question.

    Obligations: the same query gets the same answer; at most `k` pairs of index and score, the best first; what has
    nothing to do with the query may be absent. It finds the asked row's own text as well: who asks leaves that out.
    """

    @property
    def name(self) -> str:
        """What the texts are compared by, in a word: `bm25`, `meaning`."""
        ...

    @property
    def settings(self) -> Settings:
        """What else decides what is found."""
        ...

    def search(self, query: str, k: int) -> list[tuple[int, float]]:
        """Return index and score of the texts nearest to `query`."""
        ...


class Bm25:
    """BM25 over some texts.

    score(d, q) = Σ over words t of q of ln(1 + (N − n + 0.5) / (n + 0.5)) · f / (f + k1·(1 − b + b·|d| / mean |d|)),
    f being how often t is in d, and n how many of the N texts have t. A word that q has twice counts twice.

    Raises:
        MissingExtraError: if bm25s is not installed.
    """

    name = "bm25"

    def __init__(self, texts: Sequence[str]) -> None:
        self.settings: Settings = {}
        self._vocabulary: dict[str, int] = {}
        ids = [[self._vocabulary.setdefault(w, len(self._vocabulary)) for w in words(text)] for text in texts]
        self._index: Any = None
        # Without any word, the mean length would be 0 and every score 0 / 0.
        if self._vocabulary:
            self._index = _bm25s().BM25(k1=K1, b=B, method="lucene", dtype="float64", backend="numpy")
            self._index.index((ids, dict(self._vocabulary)), show_progress=False)

    def search(self, query: str, k: int) -> list[tuple[int, float]]:
        """Return at most `k` texts that share a word with `query`, the best first; ties by index."""
        ids = [self._vocabulary[word] for word in words(query) if word in self._vocabulary]
        if self._index is None or not ids:
            return []
        scores = self._index.get_scores_from_ids(ids)
        found = np.flatnonzero(scores > 0)
        # Equal scores differ in their last bits, by the order in which the words were added up.
        order = found[np.argsort(-np.round(scores[found], _DECIMALS), kind="stable")][: max(k, 0)]
        return [(int(index), float(scores[index])) for index in order]


class Retrieval:
    """The row's own prompt, with the passages that are nearest to its question in the system turn.

    A passage that was made of the row itself, or of one that asks the same, is never shown.

    Args:
        index: over the texts of `passages`, in their order.
        passages: what may be shown.
        k: how many are.
        name: title of the column; made of `k`, and of the index unless that is BM25, if none is given.
        instruction: what is said about them; `{passages}` marks their place.
        kind: `tuned_retrieval` where the tuned model is asked.
        room: how long a prompt may be.
    """

    def __init__(
        self,
        index: Index,
        passages: Sequence[Passage],
        k: int,
        name: str = "",
        *,
        instruction: str = FACTS,
        kind: ColumnKind = "retrieval",
        room: Room | None = None,
    ) -> None:
        by = "" if index.name == Bm25.name else f" (by {index.name})"
        self.name = name or f"{k} {'passage' if k == 1 else 'passages'}{by}"
        self.kind: ColumnKind = kind
        self.settings: Settings = {
            "passages": k,
            "found_by": index.name,
            **index.settings,
            "instruction": instruction,
        }
        self._index = index
        self._passages = passages
        self._k = k
        self._instruction = instruction
        self._room = room
        self._of_rows = [number for number, passage in enumerate(passages) if passage.row is not None]
        self._kin = Kin([passage.row for passage in passages if passage.row is not None])

    def ask(self, row: Row) -> Asked:
        """Return the row's prompt with at most `k` passages."""
        own = {self._of_rows[index] for index in self._kin.of(row)}
        found = self._index.search(question_of(row), self._k + len(own))
        shown = [self._passages[index] for index, _ in found if index not in own][: self._k]
        note = "" if shown or self._k < 1 else "no passage has anything to do with the question"
        return fit(Wish(row, opening=self._said, passages=tuple(shown), note=note), self._room)

    def _said(self, passages: Sequence[Passage]) -> str:
        if not passages:
            return ""
        told = "\n\n".join(f"{each.title}\n{each.text}" if each.title else each.text for each in passages)
        if "{passages}" not in self._instruction:
            return f"{self._instruction}\n\n{told}"
        # Not str.format: an instruction may hold other braces, and so may a passage.
        return self._instruction.replace("{passages}", told)


def words(text: str) -> list[str]:
    """Return the words that BM25 compares: NFKC, case folded; in scripts without spaces, each two neighbours.

    A run of one such character is a word by itself (the analysis of Lucene's CJKAnalyzer).
    """
    found: list[str] = []
    for word in _word_pattern().findall(unicodedata.normalize("NFKC", text).casefold()):
        place = 0
        for run in _SPACELESS.finditer(word):
            found += [word[place : run.start()]] if run.start() > place else []
            found += _pairs(run.group())
            place = run.end()
        found += [word[place:]] if place < len(word) else []
    return found


def _pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)] or [run]


@cache
def _word_pattern() -> re.Pattern[str]:
    """Return the pattern of a word: letters, digits, and the marks on them, which `\\w` lacks (vowels of Hindi)."""
    marks = "".join(chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code))[0] == "M")
    return re.compile(f"(?:[^\\W_]|[{marks}])+")


def _bm25s() -> Any:
    try:
        import bm25s
    except ImportError as error:
        raise MissingExtraError.of("evaluate", "bm25s") from error
    return bm25s
