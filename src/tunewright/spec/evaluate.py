"""How the tuned model is held against its base."""

from __future__ import annotations

from pydantic import Field, field_validator

from tunewright.spec.grader import GraderSpec
from tunewright.spec.node import Node


class EvaluateSpec(Node):
    """The base-against-tuned scores that end every run."""

    graders: tuple[GraderSpec, ...] = ()
    """Scores of generated answers; the first one is the headline. Automatic: those that suit the rows."""
    max_rows: int = Field(default=200, ge=0)
    """Most held-out rows that are answered by generation (a seeded sample); 0 skips generation."""
    max_new_tokens: int = Field(default=96, ge=1)
    """Longest generated answer in tokens."""
    batch_size: int = Field(default=50, ge=1)
    """Answers generated at once."""
    num_samples: int = Field(default=8, ge=0)
    """Side-by-side answers kept for the report."""

    @field_validator("graders")
    @classmethod
    def _names_must_differ(cls, graders: tuple[GraderSpec, ...]) -> tuple[GraderSpec, ...]:
        titles = [grader.title for grader in graders]
        twice = sorted({title for title in titles if titles.count(title) > 1})
        if twice:
            raise ValueError(f"must have different names, got {', '.join(twice)} twice: give one a `name`")
        return graders
