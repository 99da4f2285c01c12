"""The decoder that Llama, Mistral, Qwen 2 and 3 and SmolLM 3 have in common, walked layer by layer over a forest.

    x ← x + o(attention(rotate(q(n)), rotate(k(n)), v(n)))     n = norm(x)
    x ← x + down(silu(gate(m)) · up(m))                        m = norm(x)

Modules are only read: weights, adapters and settings stay where transformers and peft put them, and generation runs
their own code. In the last layer, everything behind the attention is computed for the tokens that predict something.
A module of another kind inside a known layer (a 4-bit weight, an adapter of our own) is called as it is.

Axes: T tokens, D model width, N places that predict.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

import torch
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel
from transformers.models.llama.modeling_llama import LlamaDecoderLayer
from transformers.models.mistral.modeling_mistral import MistralDecoderLayer
from transformers.models.qwen2.modeling_qwen2 import Qwen2DecoderLayer
from transformers.models.qwen3.modeling_qwen3 import Qwen3DecoderLayer
from transformers.models.smollm3.modeling_smollm3 import SmolLM3DecoderLayer

from tunewright.models.attention.backend import attend
from tunewright.models.attention.products import Scoring
from tunewright.models.forest import ForestTensors
from tunewright.models.fused.elementwise import by_head, rms_norm, rotate, swiglu
from tunewright.models.fused.linear import apply_linear, apply_linears

_LAYERS = (LlamaDecoderLayer, MistralDecoderLayer, Qwen2DecoderLayer, Qwen3DecoderLayer, SmolLM3DecoderLayer)
_SILU = ("SiLU", "SiLUActivation")


def can_walk(model: PreTrainedModel) -> bool:
    """Return whether every layer of the decoder is one of those that this file knows."""
    layers = getattr(model.get_decoder(), "layers", None)
    return bool(layers) and all(type(layer) in _LAYERS for layer in layers)


class Keeper(Protocol):
    """What keeps the states in front of layer `first_layer`, all layers below which are frozen."""

    first_layer: int

    def read(self, forest: ForestTensors) -> torch.Tensor | None:
        """Return the states, [T, D]; None if they are not kept."""
        ...

    def keep(self, forest: ForestTensors, states_TD: torch.Tensor) -> None:
        """Take the states that were computed."""
        ...


def walk(
    model: PreTrainedModel, forest: ForestTensors, *, checkpointing: bool = False, keeper: Keeper | None = None
) -> torch.Tensor:
    """Return the normalised hidden states at the places that predict, [N, D], in the order of `forest.query_N`."""
    decoder: Any = model.get_decoder()
    x_TD = None if keeper is None else keeper.read(forest)
    first = 0 if keeper is None or x_TD is None else keeper.first_layer
    if x_TD is None:
        x_TD = decoder.embed_tokens(forest.ids_T[None])[0]
    cos, sin = decoder.rotary_emb(x_TD[None], position_ids=forest.positions_T[None])
    angles = (cos[0], sin[0])
    last = len(decoder.layers) - 1
    for index, layer in list(enumerate(decoder.layers))[first:]:
        if keeper is not None and first == 0 and index == keeper.first_layer:
            keeper.keep(forest, x_TD)
        step = partial(_layer, layer, forest, angles, is_last=index == last)
        recomputes = checkpointing and torch.is_grad_enabled()
        x_TD = checkpoint(step, x_TD, use_reentrant=False) if recomputes else step(x_TD)
    hidden = _norm(decoder.norm, x_TD)
    return hidden.index_select(0, forest.query_order_N)


def _layer(
    layer: Any, forest: ForestTensors, angles: tuple[torch.Tensor, torch.Tensor], x_TD: torch.Tensor, *, is_last: bool
) -> torch.Tensor:
    attention, mlp = layer.self_attn, layer.mlp
    mixed_TD = _attention(attention, forest, angles, _norm(layer.input_layernorm, x_TD))
    if is_last:
        mixed_TD = mixed_TD.index_select(0, forest.query_places)
        x_TD = x_TD.index_select(0, forest.query_places)
    x_TD = apply_linear(mixed_TD, attention.o_proj, x_TD)
    gate, up = apply_linears(_norm(layer.post_attention_layernorm, x_TD), (mlp.gate_proj, mlp.up_proj))
    inner = swiglu(gate, up) if type(mlp.act_fn).__name__ in _SILU else mlp.act_fn(gate) * up
    return apply_linear(inner, mlp.down_proj, x_TD)


def _attention(
    module: Any, forest: ForestTensors, angles: tuple[torch.Tensor, torch.Tensor], n_TD: torch.Tensor
) -> torch.Tensor:
    size = module.head_dim
    q, k, v = (y.view(len(y), -1, size) for y in apply_linears(n_TD, (module.q_proj, module.k_proj, module.v_proj)))
    if hasattr(module, "q_norm"):
        q, k = _norm(module.q_norm, q), _norm(module.k_norm, k)
    turn = by_head if getattr(module, "use_rope", 1) == 0 else partial(rotate, cos_Td=angles[0], sin_Td=angles[1])
    # As each model's own forward finds it: Mistral in the configuration, the others in the layer.
    window = getattr(module, "sliding_window", None) or _window_of_all(module)
    scoring = Scoring(module.scaling, dropout=module.attention_dropout if module.training else 0.0)
    return attend(turn(q), turn(k), by_head(v), forest, window=window, scoring=scoring)


def _window_of_all(module: Any) -> int | None:
    return getattr(module.config, "sliding_window", None) if not hasattr(module, "sliding_window") else None


def _norm(module: Any, x: torch.Tensor) -> torch.Tensor:
    return rms_norm(x, module.weight, module.variance_epsilon)
