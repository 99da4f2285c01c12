"""A tiny random Llama with a byte-level tokenizer, and rows for it: what end-to-end tests train in a second.

Everything is made on the spot from a seed, so no weights are stored and none are fetched.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

END, PAD = "<|end|>", "<|pad|>"
_SPECIALS = (END, PAD, "<|system|>", "<|user|>", "<|assistant|>")
_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def make_tiny_model(folder: Path, seed: int = 0, *, chat_template: bool = True, context: int = 256) -> Path:
    """Write a checkpoint (hidden 32, 2 layers, one token a byte) in transformers' layout and return `folder`."""
    tokenizer = _byte_tokenizer(chat_template=chat_template, context=context)
    config = LlamaConfig(
        vocab_size=-(-len(tokenizer) // 16) * 16,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_rows(count: int, *, system: str | None = None, first: int = 0) -> list[dict[str, object]]:
    """Return `count` different conversations of about 30 tokens each."""
    opening = [{"role": "system", "content": system}] if system is not None else []
    return [
        {
            "messages": [
                *opening,
                {"role": "user", "content": f"Code of item {number}?"},
                {"role": "assistant", "content": f"Code {number % 10}."},
            ]
        }
        for number in range(first, first + count)
    ]


def write_rows(path: Path, count: int, *, system: str | None = None, first: int = 0) -> Path:
    """Write `make_rows(…)` as JSONL and return `path`."""
    lines = [json.dumps(row) for row in make_rows(count, system=system, first=first)]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def _byte_tokenizer(*, chat_template: bool, context: int) -> PreTrainedTokenizerFast:
    vocabulary = {symbol: index for index, symbol in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens([AddedToken(special, special=True, normalized=False) for special in _SPECIALS])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token=END, pad_token=PAD, model_max_length=context)
    tokenizer.chat_template = _TEMPLATE if chat_template else None
    return tokenizer
