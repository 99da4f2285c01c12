"""Loss and gradients of rows, each alone by the model's own forward, or together over forests; and how far apart.

The rows alone are the truth: no padding, no mask, the library's attention. Deliberately does not know architectures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import pytest
import torch
from transformers import PreTrainedModel

import tunewright.data.prefix_tree as prefix_tree
import tunewright.models.attention.plan as plan
import tunewright.models.head as output
from tests.equivalence.row_sets import Thresholds
from tunewright.data.encode import EncodedRow
from tunewright.data.pack import make_forests
from tunewright.models.forest import to_tensors
from tunewright.models.forward import ForestModel
from tunewright.models.layout import LayoutChoice

TOLERANCE = 1e-5
"""Of each parameter's gradient: ‖Δg‖₂ ≤ this · max(‖g‖₂, 1e-3 · norm of all)."""
NO_GRADIENT = ("model.decoder.layers.0.self_attn.k_proj.bias", "model.decoder.layers.1.self_attn.k_proj.bias")
"""OPT's: a bias of keys that nothing rotates shifts all scores of a query alike, so what it gets is rounding alone."""
_DEFAULT = Thresholds(min_prefix=16, min_saved=32, max_block=512, max_tree=320, max_tokens=4096)


class Outcome(NamedTuple):
    """Σ w · loss over all rows, and the gradient of each parameter that has one."""

    loss: float
    gradients: dict[str, torch.Tensor]


def alone(model: PreTrainedModel, rows: Sequence[EncodedRow]) -> Outcome:
    """Return the outcome of the rows one by one."""
    model.zero_grad(set_to_none=True)
    total = 0.0
    for row in rows:
        if row.num_supervised:
            ids_1T = torch.from_numpy(row.ids).long()[None]
            log_TV = torch.log_softmax(model(input_ids=ids_1T, use_cache=False).logits[0, :-1].float(), dim=-1)
            own = log_TV.gather(1, ids_1T[0, 1:, None])[:, 0]
            loss = -(own * torch.from_numpy(row.weights)[1:]).sum()
            loss.backward()
            total += loss.item()
    return Outcome(total, _gradients(model))


def together(
    model: PreTrainedModel,
    rows: Sequence[EncodedRow],
    choice: LayoutChoice,
    sizes: Thresholds = _DEFAULT,
    *,
    checkpointing: bool = False,
) -> Outcome:
    """Return the outcome of the rows over forests in the layout of `choice`."""
    model.zero_grad(set_to_none=True)
    total = 0.0
    with _sized(sizes):
        forest_model = ForestModel(model, choice, checkpointing=checkpointing)
        with forest_model.active():
            for forest in make_forests(rows, sizes.max_tokens, choice.layout):
                tensors = to_tensors(forest, "cpu")
                loss = forest_model.head(tensors).cross_entropy(tensors.target_N, tensors.weight_N).loss_sum
                loss.backward()
                total += loss.item()
    return Outcome(total, _gradients(model))


def assert_same(found: Outcome, expected: Outcome) -> None:
    """Fail where a gradient is farther from the expected one than the promise allows, or the loss is another."""
    assert found.loss == pytest.approx(expected.loss, rel=TOLERANCE, abs=TOLERANCE)
    assert found.gradients.keys() == expected.gradients.keys()
    whole = _norm(expected)
    far = {
        name: ratio
        for name, gradient in expected.gradients.items()
        if name not in NO_GRADIENT and (ratio := _ratio(found.gradients[name], gradient, whole)) > TOLERANCE
    }
    assert not far, far
    assert all(float(found.gradients[name].norm()) < 1e-6 * whole for name in NO_GRADIENT if name in found.gradients)


def _ratio(found: torch.Tensor, expected: torch.Tensor, whole: float) -> float:
    scale = max(float(expected.norm()), 1e-3 * whole)
    return float((found - expected).norm()) / scale if scale else float(found.abs().max())


def _norm(outcome: Outcome) -> float:
    return float(torch.stack([gradient.norm() for gradient in outcome.gradients.values()]).norm())


def _gradients(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    # A parameter of which nothing depends has no gradient on one path and zeros on another.
    return {
        name: torch.zeros_like(weight) if weight.grad is None else weight.grad.clone()
        for name, weight in model.named_parameters()
        if weight.requires_grad
    }


@contextmanager
def _sized(sizes: Thresholds) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prefix_tree, "MIN_PREFIX", sizes.min_prefix)
        patch.setattr(prefix_tree, "MIN_SAVED", sizes.min_saved)
        patch.setattr(plan, "MAX_BLOCK", sizes.max_block)
        patch.setattr(plan, "MAX_TREE", sizes.max_tree)
        # Sixteen tokens a chunk, the fewest that there are.
        patch.setattr(output, "CHUNK_BYTES", 1)
        yield
