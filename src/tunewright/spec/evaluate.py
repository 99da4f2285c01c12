"""How the tuned model is held against its base."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tunewright.spec.node import Node

GraderName = Literal["exact_match", "token_f1", "contains"]


class EvaluateSpec(Node):
    """The base-against-tuned scores that end every run."""

    graders: tuple[GraderName, ...] = ()
    """Scores of generated answers; the first one is the headline. Automatic: `contains` where rows name a fact."""
    max_rows: int = Field(default=200, ge=0)
    """Most held-out rows that are answered by generation (a seeded sample); 0 skips generation."""
    max_new_tokens: int = Field(default=96, ge=1)
    """Longest generated answer in tokens."""
    batch_size: int = Field(default=50, ge=1)
    """Answers generated at once."""
    num_samples: int = Field(default=8, ge=0)
    """Side-by-side answers kept for the report."""
