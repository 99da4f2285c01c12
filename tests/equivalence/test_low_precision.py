"""In bf16 a tree is as near to the fp32 loss of the rows as a padded batch is; they cannot be equal to the bit."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from tests.equivalence.architectures import FUSED, LAYOUTS, make_config, make_model
from tests.equivalence.compare import alone, together
from tests.equivalence.row_sets import make_row
from tunewright.data.encode import EncodedRow
from tunewright.models.layout import LayoutChoice, choose_layout

LOSS_TOLERANCE = 5e-3
"""Of the loss; bf16 has 8 bits, and each of some thousand logits is rounded to 0.4 %."""
GRADIENT_TOLERANCE = 0.1
"""Of the norm of all gradients."""


def some_rows() -> list[EncodedRow]:
    rng = np.random.default_rng(3)
    shared = rng.integers(3, 96, 24)
    rows = [make_row(np.concatenate([shared, rng.integers(3, 96, 6 + 5 * k)]), np.ones(30 + 5 * k)) for k in range(4)]
    return [*rows, make_row(rng.integers(3, 96, 40), np.ones(40))]


@pytest.mark.parametrize("name", [name for name, layout in LAYOUTS.items() if layout == "tree"])
def test_a_tree_in_bf16_is_as_near_to_the_truth_as_a_padded_batch(name: str) -> None:
    model, rows = make_model(make_config(name)), some_rows()
    truth = alone(copy.deepcopy(model), rows)
    model = model.to(torch.bfloat16)
    choices = [LayoutChoice("tree", False, ""), LayoutChoice("padded", False, "")]
    if name in FUSED:
        choices.append(LayoutChoice("tree", True, ""))
    whole = torch.cat([each.flatten() for each in truth.gradients.values()])
    for choice in choices:
        found = together(model, rows, choice)
        assert found.loss == pytest.approx(truth.loss, rel=LOSS_TOLERANCE), choice
        flat = torch.cat([each.flatten().float() for each in found.gradients.values()])
        assert float((flat - whole).norm() / whole.norm()) < GRADIENT_TOLERANCE, choice


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_layout_chosen_does_not_depend_on_the_precision(name: str) -> None:
    model = make_model(make_config(name), dtype=torch.bfloat16)
    assert choose_layout(model, "tree", longest_row=60).layout == LAYOUTS[name]
