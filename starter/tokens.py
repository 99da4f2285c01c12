"""The starter's tokenizer: a byte-level BPE of 4,096 pieces trained on the corpus, and its chat template.

Digits stand alone, so that numbers are read the same everywhere; the special tokens mark the turns. Batches for
pretraining are made here too, because what counts as taught follows from the turns' tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from starter.corpus.document import Document
from starter.corpus.mixture import documents_of

VOCABULARY_SIZE = 4096
CONTEXT_TOKENS = 1024
PAD, BEGIN, END, SYSTEM, USER, ASSISTANT = range(6)
SPECIAL_TOKENS = ["<|pad|>", "<|begin|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
ROLE_TOKEN = {"system": SYSTEM, "user": USER, "assistant": ASSISTANT}
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] in ['system', 'developer'] %}{{ '<|system|>' }}"
    "{% elif message['role'] == 'user' %}{{ '<|user|>' }}"
    "{% elif message['role'] == 'assistant' %}{{ '<|assistant|>' }}"
    "{% else %}{{ raise_exception('unknown role: ' + message['role']) }}{% endif %}"
    "{{ message['content'] | trim }}{{ '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def train_tokenizer(num_documents: int = 60_000, seed: int = 0) -> PreTrainedTokenizerFast:
    """Return a byte-level BPE tokenizer trained on the first `num_documents` documents of the corpus."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    documents = islice(documents_of(seed), num_documents)
    tokenizer.train_from_iterator((turn.content for document in documents for turn in document.turns), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=SPECIAL_TOKENS[BEGIN],
        eos_token=SPECIAL_TOKENS[END],
        pad_token=SPECIAL_TOKENS[PAD],
        chat_template=CHAT_TEMPLATE,
        model_max_length=CONTEXT_TOKENS,
        clean_up_tokenization_spaces=False,
    )


def encode(documents: Iterable[Document], tokenizer: PreTrainedTokenizerFast) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (ids, is_taught) of each document that fits the context, as the chat template would render it.

    `is_taught` marks the assistant's tokens with their end of turn.
    """
    documents = list(documents)
    texts = [turn.content.strip() for document in documents for turn in document.turns]
    pieces = iter(tokenizer.backend_tokenizer.encode_batch(texts, add_special_tokens=False))
    rows: list[tuple[np.ndarray, np.ndarray]] = []
    for document in documents:
        ids, taught = [BEGIN], [False]
        for turn in document.turns:
            content = next(pieces).ids
            ids += [ROLE_TOKEN[turn.role], *content, END]
            taught += [False] + [turn.role == "assistant"] * (len(content) + 1)
        if len(ids) <= CONTEXT_TOKENS:
            rows.append((np.array(ids, dtype=np.int64), np.array(taught)))
    return rows


def batches(
    rows: list[tuple[np.ndarray, np.ndarray]], tokens_per_batch: int, context_share: float, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (tokens [B, T], is_target [B, T]) of rows of like length, in random order.

    All taught tokens are targets, and a random `context_share` of the others: reading matters less than answering, but
    a model that never predicts a question reads it worse.
    """
    order = sorted(range(len(rows)), key=lambda index: (len(rows[index][0]), rng.random()))
    groups: list[list[int]] = [[]]
    for index in order:
        if (len(groups[-1]) + 1) * len(rows[index][0]) > tokens_per_batch and groups[-1]:
            groups.append([])
        groups[-1].append(index)
    for position in rng.permutation(len(groups)):
        group = groups[position]
        longest = max(len(rows[index][0]) for index in group)
        tokens = np.full((len(group), longest), PAD, dtype=np.int64)
        targets = np.zeros((len(group), longest), dtype=bool)
        for line, index in enumerate(group):
            ids, taught = rows[index]
            tokens[line, : len(ids)] = ids
            targets[line, : len(ids)] = taught | (rng.random(len(ids)) < context_share)
        targets[:, 0] = False
        yield tokens, targets


def as_messages(document: Document) -> list[dict[str, Any]]:
    """Return the document's turns as chat messages."""
    return [{"role": turn.role, "content": turn.content} for turn in document.turns]
