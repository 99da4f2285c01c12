"""What is minimised.

A new objective is one class here and three new files: its loss in `objectives/`, its test, its recipe.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from tunewright.spec.node import Variant


class CausalLmSpec(Variant):
    """Cross-entropy of the next token, over the supervised tokens only."""

    maker: ClassVar[str] = "tunewright.objectives.causal_lm:CausalLm"
    kind: Literal["causal_lm"] = "causal_lm"
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the target's probability that is spread evenly over the vocabulary (arXiv 1512.00567)."""


ObjectiveSpec = CausalLmSpec
