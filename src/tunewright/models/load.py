"""Load a causal language model for training or inference.

Weights come from safetensors unless the recipe allows pickle; code that comes with a model runs only if the recipe
allows it. A method may ask for a base in 4 bits; deliberately does not know which methods do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig, PretrainedConfig, PreTrainedModel

from tunewright.errors import MissingExtraError, ModelError, ModelMissingError
from tunewright.models.hardware import Hardware
from tunewright.models.source import ModelSource
from tunewright.models.tokenizer import first_line, hub_hint
from tunewright.spec.model import ModelSpec


@dataclass(frozen=True, slots=True)
class Quantisation:
    """A base in 4-bit NormalFloat (arXiv 2305.14314, §3), in blocks of 64 weights; `double` quantises their scales."""

    double: bool = True


def load_model(
    source: ModelSource, spec: ModelSpec, hardware: Hardware, quantisation: Quantisation | None = None
) -> PreTrainedModel:
    """Return the model on `hardware`, in its precision, in evaluation mode; its linear layers in 4 bits if so asked.

    Raises:
        MissingExtraError: if it is to be quantised and bitsandbytes is not installed.
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
            **(_four_bit(quantisation, hardware) if quantisation else {}),
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
    if quantisation is None:
        model.to(torch.device(hardware.device))  # pyright: ignore[reportArgumentType] - a decorator hides the signature
    else:  # it was quantised where it is to stay
        _keep_scales(model)
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
    """Return the number of weights, tied ones counted once; two of 4 bits lie in one byte."""
    return sum(p.numel() * (2 if type(p).__name__ == "Params4bit" else 1) for p in model.parameters())


def _four_bit(quantisation: Quantisation, hardware: Hardware) -> dict[str, Any]:
    try:
        import bitsandbytes  # noqa: F401
    except ImportError as error:
        raise MissingExtraError.of("qlora", "bitsandbytes") from error
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=quantisation.double,
        bnb_4bit_compute_dtype=hardware.dtype,
    )
    return {"quantization_config": config, "device_map": {"": hardware.device}}


def _keep_scales(model: PreTrainedModel) -> None:
    """Switch off bitsandbytes' second format for CPUs with AVX512-BF16 (seen in 0.50, `Linear4bit.forward`).

    The first evaluation would repack the weights in place, with scales rounded to bf16: no backward pass goes through
    that format, so training after an evaluation would fail, and a resumed run would compute with other weights.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False  # pyright: ignore[reportArgumentType] - a plain flag


def _value_hint(error: ValueError) -> str:
    if "trust_remote_code" in str(error):
        return "its code would run on this machine: allow it with --set model.allow_remote_code=true if you trust it"
    return "Tunewright tunes causal language models of the transformers library"
