"""Finds texts by what they mean: the nearest by the angle between vectors, where BM25 wants a word in common.

Exact: every text is compared, by one product of a matrix and a vector, which takes milliseconds for as many passages as
a documents folder has. Does not know where vectors come from: an `Embedder` makes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tunewright.errors import ModelError
from tunewright.evaluate.baselines.asked import Settings
from tunewright.infer.embed import Embedder

# Of a product of float32 vectors of length 1; the bits behind depend on what a text was computed beside.
_DECIMALS = 5
_CHUNK = 512


class DenseIndex:
    """Implements `Index`: cosine of the vectors of query and text, the largest first, ties by index.

    Unlike BM25 it finds something for nearly every query; only a text or a query that says nothing (a vector of zeros)
    finds nothing and is not found.

    Args:
        texts: what may be found.
        embedder: makes their vectors at once, and those of queries when they are asked for.
        on_progress: told (done, total) while texts are embedded.

    Raises:
        ModelError: if the embedder cannot make the vectors.
    """

    name = "meaning"

    def __init__(
        self, texts: Sequence[str], embedder: Embedder, *, on_progress: Callable[[int, int], None] | None = None
    ) -> None:
        self.settings: Settings = {"embeddings": embedder.name}
        self._embedder = embedder
        chunks: list[np.ndarray] = []
        for first in range(0, len(texts), _CHUNK):
            if on_progress is not None:
                on_progress(first, len(texts))
            chunks.append(embedder.passages(texts[first : first + _CHUNK]))
        size = max((chunk.shape[1] for chunk in chunks), default=0)
        # A chunk of empty texts may have come before the embedder knew the size.
        self._vectors = np.concatenate(
            [chunk if chunk.shape[1] else np.zeros((len(chunk), size), np.float32) for chunk in chunks]
            or [np.zeros((0, size), np.float32)]
        )
        self._findable = np.flatnonzero(self._vectors.any(axis=1))
        self._queries: dict[str, np.ndarray] = {}

    def prepare(self, queries: Sequence[str]) -> None:
        """Embed queries that are going to be searched for: together is much faster than one by one.

        Raises:
            ModelError: if the embedder cannot make their vectors.
        """
        new = [query for query in dict.fromkeys(queries) if query not in self._queries]
        if not new or not len(self._findable):
            return
        vectors = self._embedder.queries(new)
        if vectors.any() and vectors.shape[1] != self._vectors.shape[1]:
            raise ModelError(
                f"model {self._embedder.name}: vectors of queries have {vectors.shape[1]} numbers and those of texts "
                f"{self._vectors.shape[1]}: they cannot be compared",
                hint="take another model for embeddings",
            )
        self._queries.update(zip(new, vectors, strict=True))

    def search(self, query: str, k: int) -> list[tuple[int, float]]:
        """Return at most `k` texts with their cosines, the nearest first.

        Raises:
            ModelError: as `prepare`, for a query that was not prepared.
        """
        self.prepare([query])
        vector = self._queries.get(query)
        if vector is None or not vector.any():
            return []
        scores = self._vectors @ vector
        order = np.argsort(-np.round(scores[self._findable], _DECIMALS), kind="stable")[: max(k, 0)]
        return [(int(index), float(scores[index])) for index in self._findable[order]]
