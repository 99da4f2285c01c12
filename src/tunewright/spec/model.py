"""Which base model, and how far its files are trusted."""

from __future__ import annotations

from pydantic import Field

from tunewright.spec.node import Node

STARTER = "starter"


class ModelSpec(Node):
    """The base model: `starter` (built in), a folder, or a hub id."""

    source: str = Field(default=STARTER, min_length=1)
    """`starter`, a folder with a transformers checkpoint, or a hub id."""
    revision: str | None = None
    """Branch, tag or commit of a hub id."""
    chat_template: str | None = None
    """Chat template instead of the tokenizer's own: a Jinja file or the text itself. It travels with the result."""
    start_from: str | None = None
    """Weights to begin with: a run folder, one of its checkpoints, or an adapter folder, made with the same method."""
    allow_remote_code: bool = False
    """Run Python code that comes with the model. Off: such a model is refused."""
    allow_pickle: bool = False
    """Load weights from pickle files (.bin), which can run code. Off: safetensors only."""
