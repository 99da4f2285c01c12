"""Merge low-rank adapters into the weights beside which they lie, so that a plain model is left.

    LoRA:  W' = W + s · B A
    DoRA:  W' = m ⊙ (W + s · B A) / ‖W + s · B A‖, one norm for each output (arXiv 2402.09353, eq. 5)

computed in fp32 and rounded once, to the precision of the weight. A 4-bit base becomes a plain one first: its weights
are then exactly those that the adapter was trained on. Deliberately does not know which method made the adapters.
"""

from __future__ import annotations

from typing import cast

import torch
from peft.tuners.lora.layer import LoraLayer
from peft.utils.integrations import dequantize_module_weight, get_bnb_param_type
from peft.utils.other import ModulesToSaveWrapper
from transformers import PreTrainedModel

from tunewright.errors import ModelError

ADAPTER = "default"
"""The name under which peft holds our one adapter."""


def merge_low_rank(model: PreTrainedModel) -> PreTrainedModel:
    """Return the same model with every adapter merged and every 4-bit weight made plain, in place.

    Raises:
        ModelError: if there is no low-rank adapter in the model.
    """
    modules = dict(model.named_modules())
    if not any(isinstance(module, LoraLayer) for module in modules.values()):
        raise ModelError("there is no low-rank adapter in this model to merge", hint="load its artifact first")
    for name, module in modules.items():
        if isinstance(module, LoraLayer):
            model.set_submodule(name, _merged(module))
        elif isinstance(module, ModulesToSaveWrapper):
            # Into the original, so that weights which two modules share stay shared.
            module.original_module.load_state_dict(module.modules_to_save[ADAPTER].state_dict())
            model.set_submodule(name, module.original_module)
    for name, module in list(model.named_modules()):
        if isinstance(module, torch.nn.Linear) and _is_quantised(module):
            model.set_submodule(name, _plain(module, dequantize_module_weight(module), model.dtype))
    _forget_adapter(model)
    return model.requires_grad_(False)


def outputs_first(layer: LoraLayer, weight: torch.Tensor) -> torch.Tensor:
    """Return `weight` as [outputs, inputs], or turned back: Conv1D keeps it the other way round."""
    return weight.T if getattr(layer, "fan_in_fan_out", False) else weight


def factors(layer: LoraLayer) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the adapter's own A [rank, inputs] and B [outputs, rank]."""
    a, b = (cast(torch.nn.Linear, part[ADAPTER]) for part in (layer.lora_A, layer.lora_B))
    return a.weight, b.weight


@torch.no_grad()
def _merged(layer: LoraLayer) -> torch.nn.Module:
    base = cast(torch.nn.Linear, layer.get_base_layer())  # or a Conv1D, which has the same attributes
    a_RI, b_OR = factors(layer)
    update_OI = layer.scaling[ADAPTER] * (b_OR.float() @ a_RI.float())
    weight_OI = outputs_first(layer, dequantize_module_weight(base)).float() + update_OI
    if ADAPTER in layer.lora_magnitude_vector:
        magnitude_O = cast(torch.nn.Linear, layer.lora_magnitude_vector[ADAPTER]).weight.float()
        weight_OI *= (magnitude_O / torch.linalg.norm(weight_OI, dim=1)).unsqueeze(1)
    if _is_quantised(base):
        return _plain(base, weight_OI, a_RI.dtype)
    base.weight.copy_(outputs_first(layer, weight_OI))
    return base


def _is_quantised(module: torch.nn.Linear) -> bool:
    return bool(get_bnb_param_type(module.weight))  # pyright: ignore[reportArgumentType] - a Parameter in a Linear


def _plain(base: torch.nn.Linear, weight_OI: torch.Tensor, dtype: torch.dtype) -> torch.nn.Linear:
    num_outputs, num_inputs = weight_OI.shape
    plain = torch.nn.Linear(num_inputs, num_outputs, bias=base.bias is not None, device="meta")
    plain.weight = torch.nn.Parameter(weight_OI.to(dtype))
    if base.bias is not None:
        plain.bias = torch.nn.Parameter(base.bias.to(dtype))
    return plain


def _forget_adapter(model: PreTrainedModel) -> None:
    """Take away the marks by which transformers would save the model as an adapter, or as a quantised one."""
    for mark in ("peft_config", "_hf_peft_config_loaded"):
        if mark in vars(model):
            delattr(model, mark)
    quantiser = getattr(model, "hf_quantizer", None)
    if quantiser is not None:
        quantiser.remove_quantization_config(model)
        model.is_loaded_in_4bit = False  # pyright: ignore[reportArgumentType] - as its loader sets it
