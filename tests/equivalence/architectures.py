"""Tiny random models of every architecture that is promised to be exact, and of some that are not.

Weights are large enough that scores differ from token to token: with the usual initial weights attention is an even
mean, and a wrong mask would hardly be seen. `LAYOUTS` is what the documentation's table is checked against.
Deliberately does not know rows or losses.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    GraniteConfig,
    LlamaConfig,
    MistralConfig,
    Olmo2Config,
    OlmoConfig,
    OPTConfig,
    Phi3Config,
    PhiConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
    SmolLM3Config,
)

VOCABULARY = 96
WINDOW = 9
"""Sliding window of the models that have one: shorter than most rows."""

LAYOUTS: dict[str, str] = {
    "Llama": "tree",
    "Mistral": "tree",
    "Qwen2": "tree",
    "Qwen3": "tree",
    "Phi-3": "tree",
    "Gemma 2": "tree",
    "Gemma 3": "tree",
    "GPT-2": "tree",
    "GPT-NeoX": "tree",
    "OLMo": "tree",
    "OLMo 2": "tree",
    "SmolLM3": "tree",
    "Granite": "tree",
    "Phi": "tree",
    "OPT": "tree",
    "BLOOM": "padded",
}
"""The layout in which each architecture is computed unless another is asked for."""

TRIED = ("OPT",)
"""Those that nobody vouches for by name: a trial on the live model finds them exact."""

FUSED = ("Llama", "Mistral", "Qwen2", "Qwen3", "SmolLM3")
"""Those whose layers our own operations compute."""

_BASE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "tie_word_embeddings": False,
}
_SPECIALS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def make_config(name: str) -> PreTrainedConfig:
    """Return a fresh configuration of the architecture of this name."""
    return _MAKERS[name]()


def make_model(config: PreTrainedConfig, seed: int = 1, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """Return a random model, in training mode and without dropout, of which every weight matters."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # Soft caps and slopes by distance are the eager attention's alone; the others take the library's default.
        is_eager = config.model_type in ("gemma2", "bloom")
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager" if is_eager else "sdpa")
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.data.normal_(0, 0.2)
            else:
                weight.data.add_(0.1 * torch.randn_like(weight))
    return model.to(dtype).train()


_MAKERS = {
    "Llama": lambda: LlamaConfig(**_BASE),
    "Mistral": lambda: MistralConfig(**_BASE, sliding_window=WINDOW),
    "Qwen2": lambda: Qwen2Config(**_BASE),
    "Qwen3": lambda: Qwen3Config(**_BASE, head_dim=8),
    "Phi-3": lambda: Phi3Config(**_BASE),
    "Gemma 2": lambda: Gemma2Config(
        **_BASE, head_dim=8, sliding_window=WINDOW, attn_logit_softcapping=5.0, final_logit_softcapping=4.0
    ),
    "Gemma 3": lambda: Gemma3TextConfig(
        **_BASE, head_dim=8, sliding_window=WINDOW, layer_types=["sliding_attention", "full_attention"]
    ),
    "GPT-2": lambda: GPT2Config(
        **_SPECIALS, vocab_size=VOCABULARY, n_positions=128, n_embd=32, n_layer=2, n_head=4,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    ),
    "GPT-NeoX": lambda: GPTNeoXConfig(**{**_BASE, "num_key_value_heads": 4}),
    "OLMo": lambda: OlmoConfig(**_BASE, clip_qkv=2.0),
    "OLMo 2": lambda: Olmo2Config(**_BASE),
    # Of the three layers, the second has no rotary positions.
    "SmolLM3": lambda: SmolLM3Config(**{**_BASE, "num_hidden_layers": 3}, no_rope_layers=[1, 0, 1]),
    "Granite": lambda: GraniteConfig(
        **_BASE, embedding_multiplier=2.0, logits_scaling=3.0, residual_multiplier=0.7, attention_multiplier=0.4
    ),
    "Phi": lambda: PhiConfig(**_BASE, partial_rotary_factor=0.5),
    "OPT": lambda: OPTConfig(
        **_SPECIALS, vocab_size=VOCABULARY, hidden_size=32, ffn_dim=48, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=128, word_embed_proj_dim=32, dropout=0.0, attention_dropout=0.0,
    ),
    "BLOOM": lambda: BloomConfig(**_SPECIALS, vocab_size=VOCABULARY, hidden_size=32, n_layer=2, n_head=4),
}  # fmt: skip
