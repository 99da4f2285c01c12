"""Bottleneck adapters: h ← h + W_up · gelu(W_down · h + b_down) + b_up behind the blocks of each layer.

`houlsby` (arXiv 1902.00751, §2.1) puts one behind attention and one behind the MLP, `pfeiffer` (arXiv 2005.00052, §3.1)
one behind the MLP; both before the block's result is added to the residual stream. W_up starts at zero, so the start is
the base; W_down is uniform within ±1/√width, as LoRA's A is, so that the size of its outputs does not depend on width.

An adapter wraps only the linear layer that ends a block (peft's `base_layer` layout): attention and MLP themselves stay
the library's, and so do the attention registry and whatever else knows them. A hook would keep the names of the base's
parameters, but code that multiplies by a layer's weight directly would pass it by in silence; a wrapper it cannot miss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import ValidationError
from torch import nn
from transformers import PreTrainedModel

from tunewright.errors import ModelError
from tunewright.methods.adapter_file import CONFIG, misfit, read_config, read_weights, write_config, write_weights
from tunewright.methods.layers import names_of_layers
from tunewright.methods.method import Origin
from tunewright.methods.projections import attention_output, mlp_output, width_of
from tunewright.models.load import Quantisation
from tunewright.spec.method import BottleneckSpec

KIND = "TUNEWRIGHT_BOTTLENECK"
"""The `peft_type` of the artifact; peft itself has no such method."""

_PLACES: dict[str, tuple[Callable[[nn.Module], str], ...]] = {
    "houlsby": (attention_output, mlp_output),
    "pfeiffer": (mlp_output,),
}


class BottleneckLinear(nn.Module):
    """A linear layer with a bottleneck adapter behind it, in the same precision; it keeps the layer as `base_layer`."""

    def __init__(self, base_layer: nn.Module, size: int, dropout: float) -> None:
        super().__init__()
        self.base_layer = base_layer
        width = width_of(base_layer)
        weight = base_layer.weight
        assert isinstance(weight, torch.Tensor)
        made = {"device": weight.device, "dtype": weight.dtype}
        self.bottleneck_down = nn.Linear(width, size, **made)
        self.bottleneck_up = nn.Linear(size, width, **made)
        self.bottleneck_dropout = nn.Dropout(dropout)
        nn.init.uniform_(self.bottleneck_down.weight, -(width**-0.5), width**-0.5)
        for zero in (self.bottleneck_down.bias, self.bottleneck_up.weight, self.bottleneck_up.bias):
            nn.init.zeros_(zero)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output with the adapter's update added: [..., width]."""
        hidden = self.base_layer(x)
        inner = nn.functional.gelu(self.bottleneck_down(hidden))
        return hidden + self.bottleneck_dropout(self.bottleneck_up(inner))


class Bottleneck:
    """Implements `Method`."""

    artifact: Literal["adapter", "model"] = "adapter"
    is_exact_at_start = True
    quantisation: Quantisation | None = None
    prefix_ids: tuple[int, ...] = ()

    def __init__(self, spec: BottleneckSpec) -> None:
        self.spec = spec

    def apply(self, model: PreTrainedModel) -> PreTrainedModel:
        """Return the model with the adapters in place; the rest is frozen.

        Raises:
            ModelError: if the layers have no output projection to put one behind, or `layers` asks for too many.
        """
        # Everything is looked for before anything is replaced: a model that does not fit stays as it was.
        places = [
            (name, find(model.get_submodule(name)))
            for name in names_of_layers(model, self.spec.layers)
            for find in _PLACES[self.spec.placement]
        ]
        model.requires_grad_(False)
        for layer, within in places:
            base_layer = model.get_submodule(f"{layer}.{within}")
            model.set_submodule(f"{layer}.{within}", BottleneckLinear(base_layer, self.spec.size, self.spec.dropout))
        return model

    def save(self, model: PreTrainedModel, weights: Mapping[str, torch.Tensor], folder: Path, origin: Origin) -> None:
        """Write `adapter_model.safetensors` (fp32, by parameter name) and `adapter_config.json`."""
        write_weights(folder, weights)
        base = {"base_model_name_or_path": origin.spec.source, "revision": origin.source.revision}
        write_config(folder, {"peft_type": KIND, "task_type": "CAUSAL_LM", **base, **_described(self.spec)})

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """Refuse: a non-linear layer is no part of a matrix.

        Raises:
            ModelError: always.
        """
        raise ModelError(
            "bottleneck adapters cannot be merged: they are non-linear layers of their own",
            hint="ship the adapter beside its base, or train with method.kind=lora",
        )


def load_bottleneck(model: PreTrainedModel, folder: Path) -> PreTrainedModel:
    """Return the model with the bottleneck adapters of `folder` in place, frozen, in the model's precision.

    Raises:
        ModelError: if there are none, or they were made for another shape.
    """
    spec = _read_spec(folder)
    try:
        Bottleneck(spec).apply(model)
    except ModelError as error:
        raise misfit(folder, error.message) from error
    live = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    tensors = read_weights(folder, {name: weight.shape for name, weight in live.items()})
    with torch.no_grad():
        for name, weight in live.items():
            weight.copy_(tensors[name])
    return model.requires_grad_(False).eval()


def _read_spec(folder: Path) -> BottleneckSpec:
    config = read_config(folder, KIND)
    names = _described(BottleneckSpec()).keys()
    if missing := sorted(names - config.keys()):
        raise misfit(folder, f"{CONFIG}: {', '.join(missing)} must be there")
    try:
        return BottleneckSpec(**{name: config[name] for name in names})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise misfit(folder, f"{CONFIG}: {place}: {first['msg']}, got {first['input']!r}") from error


def _described(spec: BottleneckSpec) -> dict[str, Any]:
    return spec.model_dump(mode="json", exclude={"kind"})
