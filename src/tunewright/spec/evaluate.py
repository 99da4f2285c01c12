"""How the tuned model is held against its base."""

from __future__ import annotations

from pydantic import Field, field_validator

from tunewright.spec.baselines import BaselinesSpec
from tunewright.spec.grader import GraderSpec
from tunewright.spec.node import Node


class EvaluateSpec(Node):
    """The base-against-tuned scores that end every run."""

    graders: tuple[GraderSpec, ...] = ()
    """Scores of generated answers; the first one is the headline. Automatic: those that suit the rows."""
    max_rows: int = Field(default=200, ge=0)
    """Most held-out rows that are answered by generation (a stratified, seeded sample); 0 skips generation."""
    stratify_by: str | None = None
    """What the sample keeps in proportion: `label`, `group`, or a field of the rows. Automatic: label, else group."""
    max_minutes: float = Field(default=10.0, gt=0)
    """Longest time that answering takes at the end of a run, both models together; fewer rows are answered if need be.
    """
    max_new_tokens: int = Field(default=96, ge=1)
    """Longest generated answer in tokens."""
    batch_size: int = Field(default=50, ge=1)
    """Answers generated at once."""
    baselines: BaselinesSpec | None = None
    """What the untuned model is given in `eval` and `advise`. Automatic: `advise` tries all of it, `eval` none."""

    @field_validator("graders")
    @classmethod
    def _names_must_differ(cls, graders: tuple[GraderSpec, ...]) -> tuple[GraderSpec, ...]:
        titles = [grader.title for grader in graders]
        twice = sorted({title for title in titles if titles.count(title) > 1})
        if twice:
            raise ValueError(f"must have different names, got {', '.join(twice)} twice: give one a `name`")
        return graders
