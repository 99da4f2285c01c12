"""Load a causal language model for training or inference.

Weights come from safetensors unless the recipe allows pickle; code that comes with a model runs only if the recipe
allows it.
"""

from __future__ import annotations

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

from tunewright.errors import ModelError, ModelMissingError
from tunewright.models.hardware import Hardware
from tunewright.models.source import ModelSource
from tunewright.models.tokenizer import first_line, hub_hint
from tunewright.spec.model import ModelSpec


def load_model(source: ModelSource, spec: ModelSpec, hardware: Hardware) -> PreTrainedModel:
    """Return the model on `hardware`, in its precision, in evaluation mode.

    Raises:
        ModelMissingError: if files are missing or cannot be read.
        ModelError: if the architecture is unknown, needs remote code, or is no causal language model.
    """
    try:
        model = AutoModelForCausalLM.from_pretrained(
            source.location,
            revision=source.revision,
            dtype=hardware.dtype,
            use_safetensors=None if spec.allow_pickle else True,
            trust_remote_code=spec.allow_remote_code,
        )
    except (OSError, KeyError, RuntimeError) as error:
        raise ModelMissingError(
            f"model {spec.source}: cannot be loaded: {first_line(error)}", hint=hub_hint(source)
        ) from error
    except ValueError as error:
        raise ModelError(f"model {spec.source}: {first_line(error)}", hint=_value_hint(error)) from error
    except SafetensorError as error:
        raise ModelMissingError(
            f"model {spec.source}: its weights file is damaged: {first_line(error)}", hint="copy the folder again"
        ) from error
    model.to(torch.device(hardware.device))  # pyright: ignore[reportArgumentType] - a decorator hides the signature
    return model.eval()


def context_tokens(model: PreTrainedModel) -> int:
    """Return the longest input that the model was made for, in tokens."""
    return _context(model.config)


def read_context_tokens(source: ModelSource, spec: ModelSpec) -> int:
    """Return the same from the configuration alone, without loading weights.

    Raises:
        ModelMissingError: if there is no configuration, or it cannot be read.
    """
    try:
        config = AutoConfig.from_pretrained(
            source.location, revision=source.revision, trust_remote_code=spec.allow_remote_code
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelMissingError(
            f"model {spec.source}: its configuration cannot be read: {first_line(error)}", hint=hub_hint(source)
        ) from error
    return _context(config)


def _context(config: PretrainedConfig) -> int:
    config = config.get_text_config()
    for name in ("max_position_embeddings", "n_positions", "n_ctx"):
        value = getattr(config, name, None)
        if isinstance(value, int) and value > 0:
            return value
    return 2048


def num_parameters(model: torch.nn.Module) -> int:
    """Return the number of weights, tied ones counted once."""
    return sum(parameter.numel() for parameter in model.parameters())


def _value_hint(error: ValueError) -> str:
    if "trust_remote_code" in str(error):
        return "its code would run on this machine: allow it with --set model.allow_remote_code=true if you trust it"
    return "Tunewright tunes causal language models of the transformers library"
