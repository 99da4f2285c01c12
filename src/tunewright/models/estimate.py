"""What a decoder costs in closed form: bytes that a forest's forward pass keeps, and operations of its products.

Counts what `fused/` and `attention/products` save for the backward pass; for a library's own layers, what their usual
code saves. Read from shapes alone, so a model on the meta device serves as well as a live one. Deliberately does not
know optimisers, recipes or machines.

Axes: T tokens of the forest, N places that predict, D model width, A and K widths of queries and keys, I inner width.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import PreTrainedModel

from tunewright.data.forest import Forest
from tunewright.models.attention.plan import make_plan
from tunewright.models.attention.products import KEPT_BYTES
from tunewright.models.forest import fill_up
from tunewright.models.head import CHUNK_BYTES
from tunewright.models.shapes import round_tokens

_GELU_TENSORS = {"gelu_new": 5, "gelu_pytorch_tanh": 2, "gelu": 2, "relu": 2}
"""Inner tensors that a library's ungated layer keeps, by its activation; `gelu_new` is written out step by step."""
_TRANSIENT_INNER = 5
"""Tensors of the inner width that the backward pass of a gated unit holds at once."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a decoder and of what learns in it.

    Attributes:
        width, query, key, inner: D, A, K, I. num_heads: of the queries.
        layer_weights, upper_weights: matrix weights of one layer; of these, the ones behind its attention.
        adapter_weights, num_ranks: matrix weights that a layer's adapters add, and their ranks together.
        learning_weights: matrix weights of a layer that learns, adapters included.
        first_layer: the lowest layer that needs a backward pass; `num_layers` if none does.
        is_gated: whether the MLP has a gate. kept_inner: tensors of width I that a library's MLP keeps.
        own_outputs: widths of outputs that adapters outside our own operations keep besides, per token and layer.
    """

    num_layers: int
    width: int
    query: int
    key: int
    inner: int
    num_heads: int
    vocabulary: int
    element_bytes: int
    layer_weights: int
    upper_weights: int
    adapter_weights: int
    num_ranks: int
    learning_weights: int
    first_layer: int
    has_query_norm: bool
    kept_inner: int
    own_outputs: int
    learns_embeddings: bool
    learns_head: bool
    is_fused: bool


class ForestSize(NamedTuple):
    """What one forest asks for.

    Attributes:
        tokens, places, targets: T; N; taught tokens.
        pairs: query-key products that are computed, per head. kept: of these, probabilities that can be kept.
        largest: pairs of the largest single product.
        is_merged: whether a softmax is put together from parts, which then keep their maxima and sums.
    """

    tokens: int
    places: int
    targets: int
    pairs: int
    kept: int
    largest: int
    is_merged: bool


def size_of(forest: Forest, shape: Shape, *, padded: bool = False) -> ForestSize:
    """Return the size of `forest` under `shape`; with `padded`, of its rows side by side."""
    places = round_tokens(len(np.unique(forest.targets.query_index)))
    targets = len(forest.targets.query_index)
    if padded:
        rows, longest = int((forest.positions == 0).sum()), int(forest.positions.max()) + 1
        return ForestSize(rows * longest, places, targets, rows * longest * longest, 0, longest * longest, False)
    forest = fill_up(forest)
    plan = make_plan(forest, None, torch.float32, "meta")
    parts = [bucket.num_blocks * bucket.length**2 for bucket in plan.buckets]
    parts += [_length(cross.queries) * _length(cross.keys) for cross in plan.crosses]
    kept = sum(part for part in parts if part * shape.num_heads * shape.element_bytes <= KEPT_BYTES)
    is_merged = bool(plan.crosses) or any(bucket.is_merged for bucket in plan.buckets)
    return ForestSize(forest.num_tokens, places, targets, sum(parts), kept, max(parts, default=0), is_merged)


def saved_bytes(shape: Shape, size: ForestSize, *, checkpointing: bool = False) -> int:
    """Return the bytes that the forward pass of the layers and the head keeps for the backward pass."""
    num_learning = shape.num_layers - shape.first_layer
    if num_learning <= 0:
        return 0
    if checkpointing:
        # Every layer's input, at the lower layers too: they are wrapped alike but keep nothing.
        return shape.element_bytes * size.tokens * shape.width * num_learning + _head_bytes(shape, size)
    full = _layer_bytes(shape, size)
    # Nothing asks for the gradient of a frozen embedding, so the lowest norm keeps no input.
    lowest = 0 if shape.learns_embeddings else shape.element_bytes * size.tokens * shape.width
    if not shape.is_fused:
        return full * num_learning + _head_bytes(shape, size) - lowest
    return full * (num_learning - 1) + _last_layer_bytes(shape, size) + _head_bytes(shape, size) - lowest


def peak_bytes(shape: Shape, size: ForestSize, *, checkpointing: bool = False) -> int:
    """Return the most bytes that a forward and backward pass over the forest holds besides weights and gradients."""
    passing = _transient_bytes(shape, size)
    if checkpointing and shape.first_layer < shape.num_layers:
        passing += _layer_bytes(shape, size)
    own_head = shape.vocabulary * shape.width * (4 + 2 * shape.element_bytes) if shape.learns_head else 0
    chunk = 3 * min(CHUNK_BYTES, 4 * shape.vocabulary * max(size.places, 16))
    return saved_bytes(shape, size, checkpointing=checkpointing) + max(passing, chunk) + own_head


def forward_bytes(shape: Shape, size: ForestSize) -> int:
    """Return the most bytes that a forward pass without gradients holds besides weights."""
    inner = 3 * shape.inner if shape.kept_inner == 4 or shape.is_fused else 2 * shape.inner
    streams = 3 * shape.width + shape.query + 2 * shape.key + inner
    scores = 2 * shape.element_bytes * shape.num_heads * size.largest
    chunk = 3 * min(CHUNK_BYTES, 4 * shape.vocabulary * max(size.places, 16))
    return shape.element_bytes * size.tokens * streams + scores + chunk


def operations(shape: Shape, size: ForestSize, *, learning: bool = True, checkpointing: bool = False) -> float:
    """Return the floating-point operations of all matrix products: forward, and backward if `learning`."""
    tokens, places = size.tokens, size.places if shape.is_fused else size.tokens
    own = shape.layer_weights + shape.adapter_weights
    # Behind the last attention, only places that predict are computed.
    token_layers = tokens * (shape.num_layers - 1) + places
    first = own - shape.upper_weights
    forward = 2.0 * (own * token_layers + first * (tokens - places)) + 4.0 * size.pairs * shape.query * shape.num_layers
    head = 2.0 * shape.vocabulary * shape.width * places
    if not learning:
        return forward + head
    share = (shape.num_layers - shape.first_layer) / shape.num_layers
    learnt = 2.0 * shape.learning_weights * token_layers + 4.0 * size.pairs * shape.query * shape.num_layers
    backward = share * (forward + learnt) + head * (2 if shape.learns_head else 1)
    again = forward if checkpointing else 0.0
    return forward + head + backward + again


def shape_of(model: PreTrainedModel, *, is_fused: bool, kind: str = "full", element_bytes: int = 2) -> Shape:
    """Return the shape of a model that a method of `kind` was applied to, live or on the meta device."""
    config: Any = model.config.get_text_config()
    heads = int(config.num_attention_heads)
    size = int(getattr(config, "head_dim", None) or config.hidden_size // heads)
    inner = int(
        getattr(config, "intermediate_size", None) or getattr(config, "n_inner", None) or 4 * config.hidden_size
    )
    layers = _by_layer(model)
    learning = [[w for name, w in each if w.requires_grad] for each in layers]
    is_adapter = kind != "full"
    base = [(name, w) for name, w in layers[0] if not (is_adapter and _is_added(name))]
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    learns_embeddings = any(weight.requires_grad for weight in embedding.parameters())
    with_any = [number for number, some in enumerate(learning) if some]
    busiest = max(range(len(layers)), key=lambda number: sum(w.numel() for w in learning[number]))
    added = [(name, w) for name, w in layers[busiest] if is_adapter and _is_added(name)]
    kept = 4 if _is_gated(layers[0]) else _GELU_TENSORS.get(_activation(config), 3)
    shape = Shape(
        num_layers=len(layers),
        width=int(config.hidden_size),
        query=heads * size,
        key=int(getattr(config, "num_key_value_heads", None) or heads) * size,
        inner=inner,
        num_heads=heads,
        vocabulary=int(config.vocab_size),
        element_bytes=element_bytes,
        layer_weights=sum(w.numel() for _, w in base if w.ndim == 2),
        upper_weights=sum(w.numel() for name, w in base if w.ndim == 2 and not _feeds_attention(name)),
        adapter_weights=sum(w.numel() for _, w in added if w.ndim == 2),
        num_ranks=sum(int(w.shape[0]) for name, w in added if "lora_A" in name),
        learning_weights=sum(w.numel() for w in learning[busiest] if w.ndim == 2),
        first_layer=0 if learns_embeddings else min(with_any, default=len(layers)),
        has_query_norm=any("q_norm" in name for name, _ in layers[0]),
        kept_inner=kept,
        own_outputs=0,
        learns_embeddings=learns_embeddings,
        learns_head=head is not None and any(weight.requires_grad for weight in head.parameters()),
        is_fused=is_fused,
    )
    return replace(shape, own_outputs=_OWN_OUTPUTS.get(kind, _nothing)(shape, added))


# ── what a layer keeps ───────────────────────────────────────────────────────────────────────────────────────────────


def _layer_bytes(shape: Shape, size: ForestSize) -> int:
    streams = 4 * shape.width  # both norms: what goes in and what comes out
    attention = 2 * shape.query + 2 * shape.key
    attention += shape.query + shape.key if shape.has_query_norm else 0
    inner = (3 if shape.is_fused else shape.kept_inner) * shape.inner
    per_token = shape.element_bytes * (streams + attention + inner + shape.num_ranks + shape.own_outputs) + 8
    if not shape.is_fused and shape.element_bytes == 2:
        per_token += 2 * 4 * shape.width - 2 * 2 * shape.width  # a library's norm keeps its input in fp32
    if not shape.is_fused and shape.learning_weights == shape.layer_weights:
        per_token += 2 * shape.element_bytes * shape.width  # a norm that learns keeps its result before its weight
    return size.tokens * per_token + _attention_bytes(shape, size)


def _last_layer_bytes(shape: Shape, size: ForestSize) -> int:
    """Behind the attention of the last layer, only places that predict are computed."""
    ranks = (shape.num_ranks + shape.own_outputs) // 2
    per_token = shape.element_bytes * (2 * shape.width + 2 * shape.query + 2 * shape.key + ranks) + 4
    per_place = shape.element_bytes * (2 * shape.width + shape.query + 3 * shape.inner + ranks) + 12
    return size.tokens * per_token + size.places * per_place + _attention_bytes(shape, size)


def _attention_bytes(shape: Shape, size: ForestSize) -> int:
    merged = shape.num_heads * size.tokens * (4 + 4 + shape.element_bytes) if size.is_merged else 0
    return shape.num_heads * size.kept * shape.element_bytes + merged


def _head_bytes(shape: Shape, size: ForestSize) -> int:
    # The hidden states, in the order of places and of targets, and their gradient.
    return shape.element_bytes * shape.width * (2 * size.places + size.targets)


def _transient_bytes(shape: Shape, size: ForestSize) -> int:
    unit = shape.element_bytes * size.tokens * (_TRANSIENT_INNER * shape.inner + 2 * shape.width)
    scores = shape.element_bytes * shape.num_heads * 3 * size.largest
    heads = shape.element_bytes * size.tokens * 6 * shape.query
    return max(unit, scores + heads)


def _nothing(shape: Shape, added: Sequence[tuple[str, torch.Tensor]]) -> int:
    return 0


def _of_dora(shape: Shape, added: Sequence[tuple[str, torch.Tensor]]) -> int:
    """peft keeps the layer's output and the adapter's, because both are scaled by what learns."""
    return 2 * sum(int(w.shape[0]) for name, w in added if "lora_B" in name)


def _of_bottleneck(shape: Shape, added: Sequence[tuple[str, torch.Tensor]]) -> int:
    widths = [int(w.shape[0]) for name, w in added if name.endswith("bottleneck_down.weight")]
    # A frozen layer that is called as it is does not keep its input.
    return sum(2 * width + shape.width for width in widths) - shape.inner


def _of_ia3(shape: Shape, added: Sequence[tuple[str, torch.Tensor]]) -> int:
    return shape.key


_OWN_OUTPUTS = {"dora": _of_dora, "bottleneck": _of_bottleneck, "ia3": _of_ia3}


# ── reading a model ──────────────────────────────────────────────────────────────────────────────────────────────────


def _by_layer(model: PreTrainedModel) -> list[list[tuple[str, torch.nn.Parameter]]]:
    """Return the parameters of each decoder layer, by their name within it."""
    found: dict[int, list[tuple[str, torch.nn.Parameter]]] = {}
    for name, weight in model.named_parameters():
        match = re.search(r"(?:^|\.)(?:layers|h|blocks|block)\.(\d+)\.(.*)", name)
        if match:
            found.setdefault(int(match[1]), []).append((match[2], weight))
    return [found[number] for number in sorted(found)]


def _is_added(name: str) -> bool:
    return any(part in name for part in ("lora_", "bottleneck_", "ia3_"))


def _feeds_attention(name: str) -> bool:
    return any(part in name for part in ("q_proj", "k_proj", "v_proj", "qkv", "c_attn", "query_key_value"))


def _is_gated(layer: list[tuple[str, torch.nn.Parameter]]) -> bool:
    return any("gate" in name for name, _ in layer)


def _activation(config: Any) -> str:
    return str(getattr(config, "hidden_act", None) or getattr(config, "activation_function", ""))


def _length(place: slice) -> int:
    return int(place.stop) - int(place.start)
