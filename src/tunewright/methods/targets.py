"""Which linear layers a LoRA recipe means: all, names, or a regular expression, within the chosen decoder layers.

Deliberately does not know what is put beside them. The choice is by full name, so that the same model and recipe give
the same list in every process.
"""

from __future__ import annotations

import re

import torch
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from tunewright.errors import ModelError
from tunewright.methods.layers import names_of_layers
from tunewright.spec.method import LoraSpec


def choose_targets(model: PreTrainedModel, spec: LoraSpec) -> dict[str, torch.nn.Module]:
    """Return the linear layers that get an adapter, by full name, in the model's order.

    Raises:
        ModelError: if there are none, or if one of them is the head and shares its weights with the embeddings.
    """
    linear = _linear_layers(model, spec)
    chosen = {name: module for name, module in linear.items() if _is_meant(name, module, model, spec)}
    if spec.layers is not None:
        inside = tuple(f"{name}." for name in names_of_layers(model, spec.layers))
        chosen = {name: module for name, module in chosen.items() if name.startswith(inside)}
    if not chosen:
        where = f" in layers {spec.layers}" if spec.layers else ""
        names = sorted({name.rpartition(".")[2] for name in linear})
        raise ModelError(
            f"method.targets: {spec.targets!r} fits no layer{where} of this model",
            hint=f"linear layers here: {', '.join(names)}",
        )
    _refuse_tied_head(model, chosen)
    return chosen


def short_names(model: PreTrainedModel, chosen: dict[str, torch.nn.Module]) -> list[str]:
    """Return `chosen` as the last parts of their names where these mean the same layers, else the full names."""
    last = {name.rpartition(".")[2] for name in chosen}
    meant = {name for name, _ in model.named_modules() if name.rpartition(".")[2] in last}
    return sorted(last if meant == chosen.keys() else chosen)


def _linear_layers(model: PreTrainedModel, spec: LoraSpec) -> dict[str, torch.nn.Module]:
    whole = re.compile(rf"(^|.*\.)({'|'.join(map(re.escape, spec.modules_to_save))})($|\..*)")
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D) and not (spec.modules_to_save and whole.fullmatch(name))
    }


def _is_meant(name: str, module: torch.nn.Module, model: PreTrainedModel, spec: LoraSpec) -> bool:
    if spec.targets in ("auto", "all-linear"):
        return module is not model.get_output_embeddings()
    if isinstance(spec.targets, str):
        return _compiled(spec.targets).fullmatch(name) is not None
    return any(name == target or name.endswith(f".{target}") for target in spec.targets)


def _compiled(expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression)
    except re.error as error:
        raise ModelError(
            f"method.targets: {expression!r} is no regular expression: {error}",
            hint="names go in a list: [q_proj, v_proj]",
        ) from error


def _refuse_tied_head(model: PreTrainedModel, chosen: dict[str, torch.nn.Module]) -> None:
    head, embeddings = model.get_output_embeddings(), model.get_input_embeddings()
    for name, module in chosen.items():
        if module is head and getattr(embeddings, "weight", None) is module.weight:
            raise ModelError(
                f"method.targets: {name} shares its weights with the embeddings, so an adapter would change one of two",
                hint=f"--set method.modules_to_save=[{name}] lets both learn whole",
            )
