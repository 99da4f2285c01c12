"""IA³ (Liu et al., arXiv 2205.05638, §3.3): learnt vectors, at first 1, that scale keys, values and the MLP's inside.

Injection and file format are peft's. Where an architecture makes queries, keys and values in one product, the whole of
it is scaled, as peft does. peft's own table of layers is not used: for some families (Qwen 2, Gemma) it scales queries
in place of keys, and it lacks others.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from peft import IA3Config, get_peft_model
from peft.tuners.ia3 import IA3Layer
from transformers import PreTrainedModel

from tunewright.errors import ModelError
from tunewright.methods.adapter_file import write_config, write_weights
from tunewright.methods.layers import names_of_layers
from tunewright.methods.merge import ADAPTER
from tunewright.methods.method import Origin
from tunewright.methods.projections import is_conv1d, keys_and_values, mlp_output
from tunewright.models.load import Quantisation
from tunewright.spec.method import Ia3Spec


class Ia3:
    """Implements `Method`."""

    artifact: Literal["adapter", "model"] = "adapter"
    is_exact_at_start = True
    quantisation: Quantisation | None = None
    prefix_ids: tuple[int, ...] = ()

    def __init__(self, spec: Ia3Spec) -> None:
        self.spec = spec
        self._config: IA3Config | None = None

    def apply(self, model: PreTrainedModel) -> PreTrainedModel:
        """Return the model with its keys, values and MLP insides scaled; the rest is frozen.

        Raises:
            ModelError: if its layers have no such projections.
        """
        config = _config_for(model)
        self._config = copy.deepcopy(config)  # peft rewrites the one that it is given
        # Without the flag peft would make the vectors fp32 and cast at every call.
        get_peft_model(model, config, adapter_name=ADAPTER, autocast_adapter_dtype=False)
        return model

    def save(self, model: PreTrainedModel, weights: Mapping[str, torch.Tensor], folder: Path, origin: Origin) -> None:
        """Write `adapter_model.safetensors` and `adapter_config.json` in peft's layout, in fp32."""
        assert self._config is not None, "save belongs to the instance that applied"
        named = {f"base_model.model.{name.removesuffix(f'.{ADAPTER}')}": weight for name, weight in weights.items()}
        write_weights(folder, named)
        base = {"base_model_name_or_path": origin.spec.source, "revision": origin.source.revision}
        write_config(folder, {**self._config.to_dict(), "inference_mode": True, **base})

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """Return the same model as a plain one, the vectors multiplied into the matrices that they scale.

        Raises:
            ModelError: if the model has no such vectors.
        """
        scaled = {name: module for name, module in model.named_modules() if isinstance(module, IA3Layer)}
        if not scaled:
            raise ModelError("there are no IA³ vectors in this model to merge", hint="load its artifact first")
        for name, layer in scaled.items():
            layer.merge()  # pyright: ignore[reportCallIssue] - every kind of layer has it, their base class does not
            model.set_submodule(name, layer.get_base_layer())
        # The marks by which transformers would save the model as an adapter.
        for mark in ("peft_config", "_hf_peft_config_loaded"):
            if mark in vars(model):
                delattr(model, mark)
        return model.requires_grad_(False)


def _config_for(model: PreTrainedModel) -> IA3Config:
    targets: set[str] = set()
    feedforward: set[str] = set()
    for name in names_of_layers(model, None):
        layer = model.get_submodule(name)
        inside = mlp_output(layer)
        feedforward.add(inside)
        targets.update((inside, *keys_and_values(layer)))
    first = model.get_submodule(f"{names_of_layers(model, None)[0]}.{min(feedforward)}")
    return IA3Config(
        task_type="CAUSAL_LM",
        target_modules=sorted(targets),
        feedforward_modules=sorted(feedforward),
        fan_in_fan_out=is_conv1d(first),
    )
