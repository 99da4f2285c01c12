"""The method protocol: what makes a model trainable and what of it is shipped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol

import torch
from transformers import PreTrainedModel

from tunewright.models.source import ModelSource
from tunewright.spec.model import ModelSpec


class Method(Protocol):
    """Obligations: `apply` is deterministic under torch's seed and leaves the model's outputs unchanged (adapter at
    init = base); exactly the weights that learn require gradients afterwards; `save` writes what `load` reads back,
    bit for bit.
    """

    artifact: Literal["adapter", "model"]

    def apply(self, model: PreTrainedModel) -> PreTrainedModel:
        """Return the same model made trainable, in place.

        Raises:
            ModelError: if the method does not fit the architecture.
        """
        ...

    def save(
        self,
        model: PreTrainedModel,
        weights: Mapping[str, torch.Tensor],
        folder: Path,
        origin: tuple[ModelSpec, ModelSource],
    ) -> None:
        """Write the artifact; `weights`, by name of the trainable parameter, take the place of the model's own."""
        ...
