"""What an untuned model is given so that the comparison with a tuned one is fair."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from tunewright.spec.node import Node


class ServiceSpec(Node):
    """A model behind an OpenAI-compatible address; `MODEL@URL` as one word will do."""

    model: str = Field(min_length=1)
    """The name that the service knows it by."""
    url: str = Field(pattern=r"^https?://")
    """Base URL, such as `https://api.openai.com/v1`."""
    key_variable: str = "OPENAI_API_KEY"
    """Environment variable that holds the key. The key itself never stands in a recipe."""
    timeout_s: float = Field(default=60.0, gt=0)
    """Seconds of silence after which an attempt is given up."""


class EmbeddingsSpec(Node):
    """A model that turns texts into vectors, to look answers up by meaning; a folder as one word will do."""

    model: str = Field(min_length=1)
    """A model folder or hub id; with `url`, the name that the service knows it by."""
    url: str | None = Field(default=None, pattern=r"^https?://")
    """Base URL of an OpenAI-compatible service with `/embeddings`. None: the model runs here."""
    key_variable: str = "OPENAI_API_KEY"
    """Environment variable that holds the key of the service."""


def _service(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    model, _, url = value.rpartition("@")
    return {"model": model, "url": url}


def _embeddings(value: Any) -> Any:
    return {"model": value} if isinstance(value, str) else value


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
    embeddings: Annotated[EmbeddingsSpec, BeforeValidator(_embeddings)] | None = None
    """Passages are also looked up by meaning, beside BM25; the better way is chosen on validation rows."""
    services: tuple[Annotated[ServiceSpec, BeforeValidator(_service)], ...] = ()
    """Models of others, each a column of its own."""
    max_rows: int = Field(default=60, ge=1)
    """Most validation rows that a candidate answers (a seeded sample)."""
