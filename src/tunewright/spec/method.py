"""Which of the model's weights learn, and in what form.

A new method is one class here and three new files: its implementation in `methods/`, its test, its recipe.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from tunewright.spec.node import Variant

LAYERS = r"^(first|last):[1-9]\d*$"


class FullSpec(Variant):
    """Every weight learns; the result is a whole model."""

    maker: ClassVar[str] = "tunewright.methods.full:Full"
    kind: Literal["full"] = "full"
    layers: str | None = Field(default=None, pattern=LAYERS)
    """Layers that learn: `last:4` freezes the embeddings and all but the last four. None: everything learns."""


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
    targets: Literal["auto", "all-linear"] | tuple[str, ...] | str = "auto"
    """Layers that get an adapter: `auto` and `all-linear` (all but the output head), names such as `[q_proj, v_proj]`,
    or a regular expression over full names."""
    layers: str | None = Field(default=None, pattern=LAYERS)
    """Layers that get an adapter by their place: `last:4`. Layers below the first adapter need no backward pass."""
    rank_pattern: dict[str, int] = Field(default={})
    """Other ranks, by regular expression over full names; alpha / rank stays as it is elsewhere (with rsLoRA: alpha
    stays)."""
    modules_to_save: tuple[str, ...] = ()
    """Modules that learn whole and are saved beside the adapter, such as `lm_head` or `embed_tokens`."""
    use_rslora: bool = False
    """Scale by alpha / √rank instead (arXiv 2312.03732), so that large ranks learn as fast as small ones."""
    init: Literal["zero", "pissa"] = "zero"
    """`zero`: the update starts at 0. `pissa`: it starts as the largest singular directions of the weight
    (arXiv 2404.02948), which leave the frozen weight."""


class DoraSpec(LoraSpec):
    """LoRA with the length of each weight column learnt apart from its direction (DoRA, arXiv 2402.09353)."""

    maker: ClassVar[str] = "tunewright.methods.lora:Dora"
    kind: Literal["dora"] = "dora"  # pyright: ignore[reportIncompatibleVariableOverride]


class QloraSpec(LoraSpec):
    """LoRA over a base in 4-bit NormalFloat with double quantisation (arXiv 2305.14314)."""

    maker: ClassVar[str] = "tunewright.methods.qlora:Qlora"
    kind: Literal["qlora"] = "qlora"  # pyright: ignore[reportIncompatibleVariableOverride]
    double_quantisation: bool = True
    """Quantise the scales of the blocks too, which saves 0.37 bits a weight."""


class BottleneckSpec(Variant):
    """Bottleneck adapters: small two-layer networks with a residual, inside each layer."""

    maker: ClassVar[str] = "tunewright.methods.bottleneck:Bottleneck"
    kind: Literal["bottleneck"] = "bottleneck"
    placement: Literal["houlsby", "pfeiffer"] = "pfeiffer"
    """`houlsby`: behind attention and behind the MLP (arXiv 1902.00751); `pfeiffer`: behind the MLP (2005.00052)."""
    size: int = Field(default=64, ge=1)
    """Width of the bottleneck."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout on the adapter's output, before it is added."""
    layers: str | None = Field(default=None, pattern=LAYERS)
    """Layers that get an adapter: `last:4`. None: all."""


class PromptSpec(Variant):
    """Prompt tuning (arXiv 2104.08691): learnt vectors in front of every row; the model itself stays as it is."""

    maker: ClassVar[str] = "tunewright.methods.prompt:Prompt"
    kind: Literal["prompt"] = "prompt"
    num_tokens: int = Field(default=20, ge=1)
    """Learnt vectors."""
    init_text: str | None = None
    """Text whose token embeddings they start from, repeated as needed. None: embeddings of random tokens."""


class Ia3Spec(Variant):
    """IA³ (arXiv 2205.05638): learnt vectors that scale keys, values and the inside of the MLP."""

    maker: ClassVar[str] = "tunewright.methods.ia3:Ia3"
    kind: Literal["ia3"] = "ia3"


def _lora_unless_said(value: Any) -> Any:
    return {"kind": "lora", **value} if isinstance(value, dict) and "kind" not in value else value


MethodSpec = Annotated[
    FullSpec | LoraSpec | DoraSpec | QloraSpec | BottleneckSpec | PromptSpec | Ia3Spec,
    Field(discriminator="kind"),
    BeforeValidator(_lora_unless_said),
]
