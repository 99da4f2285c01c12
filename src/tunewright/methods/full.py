"""Full fine-tuning: every weight learns and the artifact is a whole model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from transformers import PreTrainedModel

from tunewright.models.load import save_model
from tunewright.models.source import ModelSource
from tunewright.spec.method import FullSpec
from tunewright.spec.model import ModelSpec


class Full:
    """Implements `Method`."""

    artifact: Literal["adapter", "model"] = "model"

    def __init__(self, spec: FullSpec) -> None:
        self.spec = spec

    def apply(self, model: PreTrainedModel) -> PreTrainedModel:
        """Return the model with every parameter requiring gradients."""
        return model.requires_grad_(True)

    def save(
        self,
        model: PreTrainedModel,
        weights: Mapping[str, torch.Tensor],
        folder: Path,
        origin: tuple[ModelSpec, ModelSource],
    ) -> None:
        """Write the whole model in the precision of the base's files."""
        spec, source = origin
        # A tied weight has two names and one parameter: both names get its master, or the file would cut the tie.
        learned = {id(parameter): weights[name] for name, parameter in model.named_parameters() if name in weights}
        named = {
            name: learned[id(parameter)]
            for name, parameter in model.named_parameters(remove_duplicate=False)
            if id(parameter) in learned
        }
        save_model(model, folder, {**model.state_dict(), **named}, spec, source)
