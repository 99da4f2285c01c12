"""A tiny random Llama and random token rows, for tests of the loop and its parts; no tokenizer, no files."""

from __future__ import annotations

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from tunewright.data.encode import EncodedRow
from tunewright.data.rows import Message, Row
from tunewright.models.forward import ForestModel
from tunewright.models.layout import choose_layout

VOCABULARY = 64
PAD = 0


def make_net(seed: int = 0, *, dtype: torch.dtype = torch.float32, dropout: float = 0.0) -> PreTrainedModel:
    """Return the network of `seed`: hidden 32, 2 layers, tied head."""
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        tie_word_embeddings=True,
        attention_dropout=dropout,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    for weight in model.parameters():
        weight.data = weight.data.to(dtype)
    return model


def make_runner(net: PreTrainedModel, layout: str = "auto") -> ForestModel:
    """Return `net` as the loop takes it."""
    return ForestModel(net, choose_layout(net, layout, 64))


def make_token_rows(count: int, seed: int = 0, *, is_weighted: bool = False) -> list[EncodedRow]:
    """Return rows of 3 to 14 tokens in which about half of the tokens are taught."""
    random = np.random.default_rng(seed)
    rows: list[EncodedRow] = []
    for line in range(1, count + 1):
        length = int(random.integers(3, 15))
        weights = (random.random(length) < 0.5).astype(np.float32)
        weights[-1], weights[0] = 1.0, 0.0
        if is_weighted:
            weights *= random.choice([0.5, 1.0, 2.0], length).astype(np.float32)
        ids = random.integers(1, VOCABULARY, length).astype(np.int32)
        row = Row("rows.jsonl", line, (Message("user", "q"), Message("assistant", "a")))
        rows.append(EncodedRow(ids, weights, row))
    return rows
