"""What an untuned model is given so that the comparison with a tuned one is fair."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tunewright.spec.node import Node


class BaselinesSpec(Node):
    """The ways of asking that compete on validation rows; the best of each kind meets the test set, once."""

    documents: str | None = None
    """Folder of .txt, .md and .html files in which answers are looked up. None: the training rows."""
    prompts: str | None = None
    """System prompts of your own: a text file, or a YAML mapping from names to texts."""
    examples: tuple[int, ...] = (2, 4, 8)
    """Numbers of examples that are tried; empty for none."""
    chosen_by: tuple[Literal["random", "by_class", "bm25"], ...] = ("random", "by_class", "bm25")
    """How examples are chosen: a seeded draw, balanced over answers, or nearest to the question."""
    passages: tuple[int, ...] = (1, 2, 4)
    """Numbers of passages that are tried; empty for none."""
    max_rows: int = Field(default=60, ge=1)
    """Most validation rows that a candidate answers (a seeded sample)."""
