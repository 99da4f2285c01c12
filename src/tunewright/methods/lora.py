"""LoRA (Hu et al., arXiv 2106.09685, eq. 3): h = W₀x + (alpha / rank) · B A x, with W₀ frozen, A random, B zero.

Injection and file format are peft's, so the artifact loads in peft, vLLM and others unchanged. A and B are created in
the model's compute precision; the optimiser's fp32 masters are what is saved.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import SafetensorError
from safetensors.torch import save_file
from transformers import PreTrainedModel

from tunewright.errors import ModelError
from tunewright.models.source import ModelSource
from tunewright.spec.method import LoraSpec
from tunewright.spec.model import ModelSpec

_ADAPTER = "default"


class Lora:
    """Implements `Method`."""

    artifact: Literal["adapter", "model"] = "adapter"

    def __init__(self, spec: LoraSpec) -> None:
        self.spec = spec

    def config(self) -> LoraConfig:
        """Return the peft configuration of the spec."""
        targets = self.spec.targets if isinstance(self.spec.targets, str) else list(self.spec.targets)
        return LoraConfig(
            r=self.spec.rank,
            lora_alpha=self.spec.alpha if self.spec.alpha is not None else 2.0 * self.spec.rank,  # pyright: ignore[reportArgumentType]
            lora_dropout=self.spec.dropout,
            target_modules=targets,
            task_type="CAUSAL_LM",
        )

    def apply(self, model: PreTrainedModel) -> PreTrainedModel:
        """Return the model with an adapter beside each targeted linear layer; the rest is frozen.

        Raises:
            ModelError: if no layer has a targeted name.
        """
        try:
            # Without the flag peft would make the adapters fp32 and cast at every call.
            get_peft_model(model, self.config(), adapter_name=_ADAPTER, autocast_adapter_dtype=False)
        except ValueError as error:
            names = sorted(
                {name.rpartition(".")[2] for name, m in model.named_modules() if isinstance(m, torch.nn.Linear)}
            )
            raise ModelError(
                f"method.targets: {self.spec.targets!r} fits no layer of this model",
                hint=f"linear layers here: {', '.join(names)}",
            ) from error
        return model

    def save(
        self,
        model: PreTrainedModel,
        weights: Mapping[str, torch.Tensor],
        folder: Path,
        origin: tuple[ModelSpec, ModelSource],
    ) -> None:
        """Write `adapter_model.safetensors` and `adapter_config.json` in peft's layout, in fp32."""
        spec, source = origin
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {
            f"base_model.model.{name.replace(f'.{_ADAPTER}', '')}": tensor.detach()
            .to("cpu", torch.float32)
            .contiguous()
            for name, tensor in weights.items()
        }
        save_file(tensors, str(folder / "adapter_model.safetensors"), metadata={"format": "pt"})
        config = self.config()
        config.inference_mode = True
        config.base_model_name_or_path = spec.source
        config.revision = source.revision
        config.save_pretrained(str(folder))


def load_adapter(model: PreTrainedModel, folder: Path) -> PreTrainedModel:
    """Return the model with the adapter of `folder` in place, frozen, in the model's precision.

    Raises:
        ModelError: if the adapter is missing or was made for another shape.
    """
    if not (folder / "adapter_config.json").is_file():
        raise ModelError(f"{folder}: holds no adapter (adapter_config.json is missing)", hint="was the run finished?")
    try:
        with warnings.catch_warnings():
            # peft only warns of weights that it could not find, and would answer with an adapter that does nothing.
            warnings.filterwarnings("error", message="Found missing adapter keys", category=UserWarning)
            PeftModel.from_pretrained(model, str(folder), autocast_adapter_dtype=False)
    except (RuntimeError, ValueError, OSError, UserWarning, SafetensorError) as error:
        raise ModelError(
            f"{folder}: the adapter does not fit this model: {str(error).strip().partition(chr(10))[0]}",
            hint="an adapter fits only the base model that it was trained on",
        ) from error
    return model.eval()
