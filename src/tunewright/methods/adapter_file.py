"""The two files of an adapter: tensors in `adapter_model.safetensors`, what they are in `adapter_config.json`.

The layout is peft's, whoever wrote the adapter. Used by the methods that peft does not inject itself. Deliberately does
not know what the tensors are for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from tunewright.errors import ModelError

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
_HINT = "an adapter fits only the base model that it was trained on"


def write_weights(folder: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write `tensors` in fp32, and make the folder where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = {name: tensor.detach().to("cpu", torch.float32).contiguous() for name, tensor in tensors.items()}
    save_file(stored, str(folder / WEIGHTS), metadata={"format": "pt"})


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write `config` as JSON, keys and sets in order: the same run then gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {name: sorted(value) if isinstance(value, set) else value for name, value in config.items()}
    text = json.dumps(content, indent=2, sort_keys=True)
    with (folder / CONFIG).open("w", encoding="utf-8", newline="") as file:
        file.write(text + "\n")


def read_config(folder: Path, kind: str) -> dict[str, Any]:
    """Return what `adapter_config.json` says of an adapter of `kind` (its `peft_type`).

    Raises:
        ModelError: if there is none, it is not JSON, or it is of another kind.
    """
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{folder}: holds no adapter ({CONFIG} is missing)", hint="was the run finished?") from error
    except (ValueError, OSError) as error:
        raise ModelError(f"{path}: cannot be read: {error}", hint="copy the folder again") from error
    found = config.get("peft_type") if isinstance(config, dict) else None
    if found != kind:
        raise ModelError(f"{path}: peft_type must be {kind!r}, got {found!r}", hint="load it with the method it is of")
    return config


def read_weights(folder: Path, shapes: Mapping[str, torch.Size]) -> dict[str, torch.Tensor]:
    """Return the tensors, which must have exactly these names and shapes.

    Raises:
        ModelError: if they have others, are missing, or the file is damaged.
    """
    try:
        tensors = load_file(str(folder / WEIGHTS))
    except (OSError, SafetensorError) as error:
        raise misfit(folder, str(error)) from error
    found = {name: tensor.shape for name, tensor in tensors.items()}
    for name in sorted(found.keys() | shapes.keys()):
        if found.get(name) != shapes.get(name):
            raise misfit(folder, f"{name} has the shape {_shown(found, name)}, but must have {_shown(shapes, name)}")
    return tensors


def misfit(folder: Path, why: str) -> ModelError:
    """Return the error for an adapter that does not fit its model; of `why`, the first line is shown."""
    return ModelError(f"{folder}: the adapter does not fit this model: {why.strip().partition(chr(10))[0]}", hint=_HINT)


def _shown(shapes: Mapping[str, torch.Size], name: str) -> str:
    return str(list(shapes[name])) if name in shapes else "none"
