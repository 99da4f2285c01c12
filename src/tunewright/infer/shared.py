"""The engine of evaluation: the answers of the plain one, with prompts that begin alike computed once.

Few-shot prompts share almost everything, and a chat template's opening is everybody's. Prompts that share much come
into one batch; in a batch, each prefix is computed once (`cache`), and rows that have ended leave it. Sampling and
models that cannot run so are left to the plain engine. Deliberately does not know what the answers are for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from transformers import PreTrainedModel

from tunewright.data.prefix_tree import shared_length
from tunewright.infer.cache import SharedCache, shared_attention
from tunewright.infer.engine import Completion, Sampling
from tunewright.infer.hf import HfEngine
from tunewright.models.layout import choose_layout
from tunewright.models.load import context_tokens
from tunewright.models.soft_prompt import prefix_ids
from tunewright.models.tokenizer import HfChatTokenizer

MOST_ROWS = 128
"""Rows of a batch at most: beyond that, a step's time grows with its rows."""
LEAST_CACHE_BYTES = 256 << 20
"""A batch may keep keys and values of this size, or of an eighth of the weights where that is more."""
_CACHE_SHARE = 8
_COPIED_TOKENS = 1024
"""A row that shares less than those before it opens a new batch, rather than have so many tokens copied."""
_COMPACT_BELOW = 0.75
"""A batch is made smaller when no more than this part of its rows goes on: each time costs a copy."""


class SharedEngine:
    """Implements `Engine`.

    Args:
        batch_size: rows of a batch at most; None for as many as are worth it.

    Attributes:
        fallback: why the plain engine gave the latest greedy answers, or "" where this one did.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: HfChatTokenizer, *, batch_size: int | None = None) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.batch_size = batch_size or MOST_ROWS
        self.plain = HfEngine(model, tokenizer, batch_size=min(self.batch_size, 32))
        self.fallback = ""

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        *,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[Completion]:
        """Return one answer per prompt; greedy ones are computed with shared prefixes."""
        if sampling.temperature != 0:
            return self.plain.generate(prompts, sampling, on_progress=on_progress)
        rows = [np.array([*prefix_ids(self.model), *prompt], dtype=np.int32) for prompt in prompts]
        context = context_tokens(self.model)
        limits = [max(0, min(sampling.max_new_tokens, context - len(row))) for row in rows]
        self.fallback = self._obstacle(rows, limits)
        if self.fallback:
            return self.plain.generate(prompts, sampling, on_progress=on_progress)
        answers = {index: Completion((), "", has_ended=False) for index, limit in enumerate(limits) if limit < 1}
        for batch in self._batches(rows, limits):
            with torch.no_grad(), shared_attention(self.model):
                found = self._generate_batch([rows[index] for index in batch], [limits[index] for index in batch])
            answers.update(zip(batch, found, strict=True))
            if on_progress is not None:
                on_progress(len(answers), len(rows))
        return [answers[index] for index in range(len(rows))]

    def stream(self, prompt: Sequence[int], sampling: Sampling) -> Iterator[str]:
        """Yield the answer to one prompt in pieces; one prompt shares nothing."""
        return self.plain.stream(prompt, sampling)

    def _obstacle(self, rows: Sequence[np.ndarray], limits: Sequence[int]) -> str:
        """Return why these rows cannot share, or ""."""
        if not all(len(row) for row in rows):
            return "a prompt has no tokens"
        longest = max((len(row) + limit for row, limit in zip(rows, limits, strict=True)), default=0)
        config = self.model.config.get_text_config()
        for name in ("sliding_window", "attention_chunk_size"):
            reach = getattr(config, name, None)
            if reach and reach < longest:
                return f"{config.model_type} has {name} {reach}, and the longest prompt and answer {longest} tokens"
        choice = choose_layout(self.model, "tree", longest)
        return choice.reason if choice.layout != "tree" else ""

    def _batches(self, rows: Sequence[np.ndarray], limits: Sequence[int]) -> Iterator[list[int]]:
        """Yield the indices of rows that are computed together: they begin alike, and are of like length."""
        most_tokens = self._most_tokens()
        for group, shared in _groups(rows, [index for index, limit in enumerate(limits) if limit > 0]):
            batch: list[int] = []
            room = 0
            for index in sorted(group, key=lambda index: len(rows[index])):
                room = max(room, limits[index])
                # Rows come by length, so this one is the longest so far.
                too_many = (len(batch) + 1) * (len(rows[index]) - shared + room) > most_tokens
                if batch and (len(batch) == self.batch_size or too_many):
                    yield batch
                    batch, room = [], limits[index]
                batch.append(index)
            yield batch

    def _most_tokens(self) -> int:
        """Return how many tokens of their own the rows of a batch may keep, padding included."""
        config = self.model.config.get_text_config()
        heads = config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // heads
        key_heads = getattr(config, "num_key_value_heads", None) or heads
        token_bytes = 2 * config.num_hidden_layers * key_heads * size * self.model.dtype.itemsize
        weight_bytes = sum(weight.nbytes for weight in self.model.parameters())
        return max(LEAST_CACHE_BYTES, weight_bytes // _CACHE_SHARE) // token_bytes

    def _generate_batch(self, prompts: Sequence[np.ndarray], limits: Sequence[int]) -> list[Completion]:
        stops = frozenset(self.plain.stop_ids)
        answers: list[list[int]] = [[] for _ in prompts]

        def is_over(row: int) -> bool:
            return bool(answers[row]) and (answers[row][-1] in stops or len(answers[row]) == limits[row])

        cache = SharedCache(prompts, max(limits) - 1, self.model)
        logits_BV = cache.prefill(self.model)
        # Which prompt each row of the batch belongs to; some of them are over.
        rows = list(range(len(prompts)))
        while True:
            ids_B = logits_BV.argmax(dim=-1)
            for row, token in zip(rows, ids_B.tolist(), strict=True):
                answers[row] += [] if is_over(row) else [token]
            going = [place for place, row in enumerate(rows) if not is_over(row)]
            if not going:
                return [self.plain.completion(answer) for answer in answers]
            if len(going) <= _COMPACT_BELOW * len(rows):
                kept = torch.tensor(going, device=ids_B.device)
                cache.keep(kept)
                rows, ids_B = [rows[place] for place in going], ids_B.index_select(0, kept)
            logits_BV = cache.step(self.model, ids_B)


def _groups(rows: Sequence[np.ndarray], indices: Sequence[int]) -> Iterator[tuple[list[int], int]]:
    """Yield the indices in groups that share much, each with the length of the prefix that the whole group shares."""
    order = sorted(indices, key=lambda index: rows[index].astype(">i4").tobytes())
    if not order:
        return
    group, common = [order[0]], len(rows[order[0]])
    for before, index in pairwise(order):
        shared = min(common, shared_length(rows[before], rows[index]))
        if len(group) * (common - shared) >= _COPIED_TOKENS:
            yield group, common
            group, shared = [], len(rows[index])
        group.append(index)
        common = shared
    yield group, common
