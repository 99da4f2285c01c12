"""In which layout a model may be given its rows, and why: as trees, or side by side with padding.

An architecture is trusted where the equivalence tests hold it to its rows alone; any other is tried on the live model,
and what disagrees is padded. Deliberately does not know batches or losses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import PreTrainedModel

from tunewright.data.encode import EncodedRow
from tunewright.data.forest import Forest
from tunewright.data.pack import Layout
from tunewright.data.prefix_tree import MIN_PREFIX, MIN_SAVED, grow
from tunewright.data.rows import TextRow
from tunewright.models.attention.registry import forest_attention
from tunewright.models.forest import to_tensors
from tunewright.models.fused.llama import can_walk

EXACT = frozenset(
    "llama mistral qwen2 qwen3 phi3 gemma2 gemma3_text gpt2 gpt_neox olmo olmo2 smollm3 granite phi".split()
)
"""Model types whose loss and gradients over forests equal each row's alone: tests/equivalence holds them to it."""

_LENGTH_DEPENDENT = ("dynamic", "longrope")
_REACHES = ("sliding_window", "attention_chunk_size")
"""How far a token sees, as some models write it into their masks alone, where our attention would not know of it."""
_TRIAL_TOKENS = MIN_PREFIX + MIN_SAVED
"""The trial's longest row has more tokens than that, so what reaches no farther is tried in it."""
_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.05, torch.float16: 0.01}
"""Largest relative distance of logits in the trial: far above rounding, far below what a wrong mask does."""


@dataclass(frozen=True, slots=True)
class LayoutChoice:
    """The layout; whether our own operations compute the layers; and the reason, for people.

    Padded rows are computed one by one where one of them has more than `apart_above` tokens; None for never.
    """

    layout: Layout
    is_fused: bool
    reason: str
    apart_above: int | None = None


def choose_layout(model: PreTrainedModel, asked: str, longest_row: int) -> LayoutChoice:
    """Return how rows of at most `longest_row` tokens are laid out for `model`; `asked` is the recipe's word.

    A layout that was asked for and is not exact for this model is not taken.
    """
    rescaling = _rescaling(model.config.get_text_config())
    apart_above = rescaling.above if rescaling else None
    if asked == "padded":
        return LayoutChoice("padded", False, "asked for", apart_above)
    obstacle = _obstacle(model, longest_row)
    if obstacle:
        return LayoutChoice("padded", False, obstacle, apart_above)
    layout: Layout = "packed" if asked == "packed" else "tree"
    is_fused = can_walk(model)
    by = "our own operations" if is_fused else "the model's own layers"
    return LayoutChoice(layout, is_fused, f"exact for {model.config.get_text_config().model_type}, computed by {by}")


def _obstacle(model: PreTrainedModel, longest_row: int) -> str:
    config = model.config.get_text_config()
    rescaling = _rescaling(config)
    if rescaling and longest_row > rescaling.above:
        return f"{rescaling.kind} rotary scaling depends on the longest row of a batch"
    if config.model_type in EXACT:
        return ""
    for name in _REACHES:
        reach = getattr(config, name, None)
        if reach and longest_row > reach > _TRIAL_TOKENS:
            return f"{config.model_type} has {name} {reach}, which a trial of {_TRIAL_TOKENS} tokens cannot see"
    try:
        distance = _distance(model)
    except Exception as error:  # noqa: BLE001 - foreign code was tried; whatever it raises, padding works
        return (
            f"{config.model_type} cannot run over a forest: {str(error).partition(chr(10))[0] or type(error).__name__}"
        )
    limit = _TOLERANCE.get(model.dtype, 0.05)
    if distance > limit:
        return f"{config.model_type} over a forest differs from its rows alone by {distance:.2g} (limit {limit:g})"
    return ""


class _Rescaling(NamedTuple):
    """Rotary scaling by the length of a batch, where it is `above` so many tokens."""

    kind: str
    above: int


def _rescaling(config: Any) -> _Rescaling | None:
    settings: dict[str, Any] = getattr(config, "rope_parameters", None) or {}
    # Some models have settings for each kind of layer.
    of_kinds = [each for each in settings.values() if isinstance(each, dict)]
    for rope in of_kinds or [settings]:
        if rope.get("rope_type") in _LENGTH_DEPENDENT:
            original = rope.get("original_max_position_embeddings") or config.max_position_embeddings
            return _Rescaling(rope["rope_type"], int(original))
    return None


@torch.no_grad()
def _distance(model: PreTrainedModel) -> float:
    """Return the largest relative distance of a row's logits in a small tree from those of the row alone."""
    rows = _trial_rows(model)
    forest = to_tensors(grow(rows), model.device)
    was_training = model.training
    model.eval()
    try:
        with forest_attention(model):
            logits_TV: torch.Tensor = model(
                input_ids=forest.ids_T[None], position_ids=forest.positions_T[None], use_cache=False, forest=forest
            ).logits[0].float()  # fmt: skip
        return max(_row_distance(model, row, logits_TV, forest.forest, index) for index, row in enumerate(rows))
    finally:
        model.train(was_training)


def _trial_rows(model: PreTrainedModel) -> list[EncodedRow]:
    """Return rows of which three share a prefix and one nothing."""
    limit = min(int(model.config.get_text_config().vocab_size), 1000)
    generator = np.random.default_rng(0)
    shared = generator.integers(0, limit, _TRIAL_TOKENS)
    bodies = [np.concatenate([shared, generator.integers(0, limit, 3 + 4 * k)]) for k in range(3)]
    bodies.append(generator.integers(0, limit, 12))
    return [
        EncodedRow(ids.astype(np.int32), np.arange(len(ids)).clip(0, 1).astype(np.float32), TextRow("", 0, ""))
        for ids in bodies
    ]


def _row_distance(
    model: PreTrainedModel, row: EncodedRow, logits_TV: torch.Tensor, forest: Forest, index: int
) -> float:
    ids = torch.from_numpy(row.ids.astype(np.int64)).to(model.device)
    alone = model(input_ids=ids[None], use_cache=False).logits[0, :-1].float()
    places = torch.from_numpy(forest.targets.query_index[forest.target_row == index]).to(model.device)
    return float((logits_TV.index_select(0, places) - alone).norm() / alone.norm().clamp(min=1e-9))
