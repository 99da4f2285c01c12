"""Where a model's decoder layers are, and which of them a recipe means by `last:4` or `first:2`.

Deliberately knows no architecture: the layers are the longest list of modules that lies in no other list. (The experts
of a mixture are a list too, often a longer one, but inside a layer.)
"""

from __future__ import annotations

import torch
from transformers import PreTrainedModel

from tunewright.errors import ModelError


def find_layers(model: PreTrainedModel) -> tuple[str, torch.nn.ModuleList]:
    """Return the full name of the list of decoder layers, and the list, bottom to top.

    Raises:
        ModelError: if the model has no such list.
    """
    decoder = model.get_decoder()
    lists = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.ModuleList) and (decoder is None or _is_inside(module, decoder))
    }
    outer = {name: found for name, found in lists.items() if not any(name.startswith(f"{other}.") for other in lists)}
    if not outer:
        raise ModelError(
            f"method.layers: {type(model).__name__} has no list of layers to choose from",
            hint="leave method.layers out",
        )
    name = max(outer, key=lambda each: len(outer[each]))
    return name, outer[name]


def choose_layers(model: PreTrainedModel, where: str | None) -> range:
    """Return the numbers of the layers, from 0 at the bottom, that `where` means: `last:n`, `first:n`, or None for all.

    Raises:
        ModelError: if the model has fewer than n layers.
    """
    num_layers = len(find_layers(model)[1])
    if where is None:
        return range(num_layers)
    end, _, count = where.partition(":")
    if int(count) > num_layers:
        raise ModelError(
            f"method.layers: {where} asks for {count} layers, but this model has {num_layers}",
            hint=f"--set method.layers={end}:{num_layers}",
        )
    return range(num_layers - int(count), num_layers) if end == "last" else range(int(count))


def names_of_layers(model: PreTrainedModel, where: str | None) -> tuple[str, ...]:
    """Return the full names of these layers, such as `model.layers.3`.

    Raises:
        ModelError: as `choose_layers`.
    """
    name, _ = find_layers(model)
    return tuple(f"{name}.{number}" for number in choose_layers(model, where))


def _is_inside(module: torch.nn.Module, whole: torch.nn.Module) -> bool:
    return any(module is each for each in whole.modules())
