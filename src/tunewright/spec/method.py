"""Which of the model's weights learn, and in what form.

A new method is one class here and three new files: its implementation in `methods/`, its test, its recipe.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from tunewright.spec.node import Variant


class FullSpec(Variant):
    """Every weight learns; the result is a whole model."""

    maker: ClassVar[str] = "tunewright.methods.full:Full"
    kind: Literal["full"] = "full"


class LoraSpec(Variant):
    """Low-rank adapters (arXiv 2106.09685) beside frozen linear layers; the result is a peft adapter."""

    maker: ClassVar[str] = "tunewright.methods.lora:Lora"
    kind: Literal["lora"] = "lora"
    rank: int = Field(default=16, ge=1, le=4096)
    """Rank r of the update B·A."""
    alpha: float | None = Field(default=None, gt=0)
    """Scale: the update is multiplied by alpha / rank. Automatic: 2 · rank."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout on the adapter's input."""
    targets: Literal["all-linear"] | tuple[str, ...] = "all-linear"
    """Linear layers that get an adapter: `all-linear` (all but the output head) or names such as `q_proj`."""


def _lora_unless_said(value: Any) -> Any:
    return {"kind": "lora", **value} if isinstance(value, dict) and "kind" not in value else value


MethodSpec = Annotated[FullSpec | LoraSpec, Field(discriminator="kind"), BeforeValidator(_lora_unless_said)]
