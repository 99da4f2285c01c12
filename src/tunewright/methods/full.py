"""Full fine-tuning: every weight learns and the artifact is a whole model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from transformers import PreTrainedModel

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
        """Write the live model: its weights are the masters' rounded copies, exactly what was scored."""
        model.save_pretrained(str(folder), safe_serialization=True)
