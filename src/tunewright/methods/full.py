"""Full fine-tuning: every weight learns, or those of chosen layers, and the artifact is a whole model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from transformers import PreTrainedModel

from tunewright.methods.layers import find_layers, names_of_layers
from tunewright.methods.method import Origin
from tunewright.models.load import Quantisation
from tunewright.spec.method import FullSpec


class Full:
    """Implements `Method`."""

    artifact: Literal["adapter", "model"] = "model"
    is_exact_at_start: bool = True
    quantisation: Quantisation | None = None
    prefix_ids: tuple[int, ...] = ()

    def __init__(self, spec: FullSpec) -> None:
        self.spec = spec

    def apply(self, model: PreTrainedModel) -> PreTrainedModel:
        """Return the model with every parameter requiring gradients; with `layers`, only those of the chosen ones, and
        what lies above all layers: the final norm, and the head unless it shares the embeddings' weights.

        Raises:
            ModelError: if the model has fewer layers than are to learn.
        """
        model.requires_grad_(True)
        if self.spec.layers is None:
            return model
        of_layers = f"{find_layers(model)[0]}."
        learn = tuple(f"{name}." for name in names_of_layers(model, self.spec.layers))
        head = model.get_output_embeddings()
        for name, module in model.named_modules():
            # BLOOM has a norm on its embeddings, below the layers as well: hence the name. GPT-NeoX's head has it too.
            is_embedding = isinstance(module, torch.nn.Embedding) or "embed" in name
            if is_embedding and module is not head and not name.startswith(of_layers):
                module.requires_grad_(False)
        for name, weight in model.named_parameters():
            if name.startswith(of_layers) and not name.startswith(learn):
                weight.requires_grad_(False)
        return model

    def save(self, model: PreTrainedModel, weights: Mapping[str, torch.Tensor], folder: Path, origin: Origin) -> None:
        """Write the live model: its weights are the masters' rounded copies, exactly what was scored."""
        model.save_pretrained(str(folder), safe_serialization=True)

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """Return the model as it is: nothing lies beside its weights."""
        return model
