"""The method protocol: what makes a model trainable and what of it is shipped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import torch
from transformers import PreTrainedModel

from tunewright.models.load import Quantisation
from tunewright.models.source import ModelSource
from tunewright.spec.model import ModelSpec


@dataclass(frozen=True, slots=True)
class Origin:
    """The base that an artifact names: how it was asked for, and where it was found."""

    spec: ModelSpec
    source: ModelSource


class Method(Protocol):
    """Obligations: `apply` is deterministic under torch's seed; exactly the weights that learn require gradients
    afterwards; `save`, called on the instance that applied, writes what `load_artifact` reads back.
    """

    artifact: Literal["adapter", "model"]
    is_exact_at_start: bool
    """Whether the model's outputs after `apply` are the base's, bit for bit."""
    quantisation: Quantisation | None
    """How the base must be loaded, in training and wherever the artifact is used."""
    prefix_ids: tuple[int, ...]
    """Virtual tokens in front of every row, known after `apply`; empty for all but prompt tuning."""

    def apply(self, model: PreTrainedModel) -> PreTrainedModel:
        """Return the same model made trainable, in place.

        Raises:
            ModelError: if the method does not fit the architecture.
        """
        ...

    def save(self, model: PreTrainedModel, weights: Mapping[str, torch.Tensor], folder: Path, origin: Origin) -> None:
        """Write the artifact; `weights`, by name of the trainable parameter, take the place of the model's own."""
        ...

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """Return the same model as a plain one, in place, what was learnt merged into its weights.

        Raises:
            ModelError: if what the method learns cannot be part of the base's weights.
        """
        ...
