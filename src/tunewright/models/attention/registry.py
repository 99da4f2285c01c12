"""Forest attention under the name by which transformers' models call it, through the library's public registry.

A model that runs with this implementation gets no mask; the forest travels as a keyword argument from the model's
forward to its attention. Deliberately does not know which models may run so (`models/layout`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AttentionInterface, PreTrainedModel

from tunewright.errors import ModelError
from tunewright.models.attention.backend import attend
from tunewright.models.attention.products import Scoring
from tunewright.models.forest import ForestTensors

NAME = "tunewright_forest"

# What some architectures add to their scores; to overlook one would train another model.
_UNKNOWN_TERMS = ("s_aux", "position_bias", "head_mask", "alibi")


@contextmanager
def forest_attention(model: PreTrainedModel) -> Iterator[None]:
    """Have the model's layers attend over forests inside the context, and as before behind it."""
    with attention_named(model, NAME):
        yield


@contextmanager
def attention_named(model: PreTrainedModel, name: str) -> Iterator[None]:
    """Have the model's layers attend by what is registered under `name` inside the context, and as before behind it."""
    former = model.config._attn_implementation or "eager"
    model.set_attn_implementation(name)
    try:
        yield
    finally:
        model.set_attn_implementation(former)


def _forward(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    forest: ForestTensors | None = None,
    **terms: Any,
) -> tuple[torch.Tensor, None]:
    """Attend: query [1, H, T, D], key and value [1, K, T, D] → [1, T, H, D]."""
    if forest is None:
        raise ModelError(f"{type(module).__name__} does not pass the forest on", hint="train.hardware.layout: padded")
    unknown = [name for name in _UNKNOWN_TERMS if terms.get(name) is not None]
    if unknown:
        raise ModelError(f"{type(module).__name__} adds {unknown[0]}", hint="train.hardware.layout: padded")
    scale = terms.get("scaling")
    scoring = Scoring(
        scale=query.shape[-1] ** -0.5 if scale is None else float(scale),
        softcap=terms.get("softcap"),
        dropout=float(terms.get("dropout") or 0.0),
    )
    q_HTD, k_KTD, v_KTD = query[0].contiguous(), key[0].contiguous(), value[0].contiguous()
    out = attend(q_HTD, k_KTD, v_KTD, forest, window=terms.get("sliding_window"), scoring=scoring)
    return out.view(1, out.shape[0], query.shape[1], -1), None


AttentionInterface.register(NAME, _forward)
