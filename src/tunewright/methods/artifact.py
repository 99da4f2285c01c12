"""Put the adapter of a folder back on its base, whatever method made it.

`adapter_config.json` says which by its `peft_type`; the table below is the only place that knows which loader that
means. Deliberately does not know how a method learns.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path

from peft import PeftModel
from safetensors import SafetensorError
from transformers import PreTrainedModel

from tunewright.errors import ModelError
from tunewright.methods.adapter_file import CONFIG, misfit
from tunewright.methods.bottleneck import KIND as BOTTLENECK
from tunewright.methods.bottleneck import load_bottleneck
from tunewright.methods.prompt import KIND as PROMPT
from tunewright.methods.prompt import load_prompt


def load_artifact(model: PreTrainedModel, folder: Path) -> PreTrainedModel:
    """Return the model with the adapter of `folder` in place, frozen, in the model's precision.

    Raises:
        ModelError: if the adapter is missing, of a kind that is not known, or was made for another shape.
    """
    kind = _read_kind(folder)
    if kind not in _LOADERS:
        raise ModelError(
            f"{folder}: {CONFIG}: peft_type is {kind!r}; expected one of {', '.join(sorted(_LOADERS))}",
            hint="was it made by another program, or by a newer version?",
        )
    model = _LOADERS[kind](model, folder)
    return model.requires_grad_(False).eval()


def _load_peft(model: PreTrainedModel, folder: Path) -> PreTrainedModel:
    try:
        with warnings.catch_warnings():
            # peft only warns of weights that it could not find, and would answer with an adapter that does nothing.
            warnings.filterwarnings("ignore", message="fan_in_fan_out is set to", category=UserWarning)
            warnings.filterwarnings("error", message="Found missing adapter keys", category=UserWarning)
            PeftModel.from_pretrained(model, str(folder), autocast_adapter_dtype=False)
    except (RuntimeError, ValueError, OSError, UserWarning, SafetensorError) as error:
        raise misfit(folder, str(error)) from error
    return model


_LOADERS: dict[str, Callable[[PreTrainedModel, Path], PreTrainedModel]] = {
    "LORA": _load_peft,
    "IA3": _load_peft,
    BOTTLENECK: load_bottleneck,
    PROMPT: load_prompt,
}


def _read_kind(folder: Path) -> str:
    path = folder / CONFIG
    if not path.is_file():
        raise ModelError(f"{folder}: holds no adapter ({CONFIG} is missing)", hint="was the run finished?")
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["peft_type"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path}: is no adapter's configuration: {type(error).__name__}: {error}", hint="copy the folder again"
        ) from error
