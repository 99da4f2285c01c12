"""Which weights decay, and which ones Muon may move: one role for each weight that learns.

A matrix inside the layers decays. So does the output head, but it is no map between hidden states, so Muon leaves it
to AdamW. Vectors (norms, biases, scales) never decay, and neither do embeddings: decay would wear down the rows of all
tokens that the training rows lack, which no gradient restores (OLMo 2, arXiv 2501.00656, leaves them out too). A tied
head is the embedding. Knows modules and shapes, never names of architectures.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import torch


class Role(StrEnum):
    """What an optimiser must know of a weight.

    HIDDEN: a matrix inside the layers, decayed, moved by Muon. OUTER: the head, or a stack of matrices (experts),
    decayed, moved by AdamW. UNDECAYED: vectors and embeddings, moved by AdamW.
    """

    HIDDEN = "hidden"
    OUTER = "outer"
    UNDECAYED = "undecayed"


def roles_of(model: torch.nn.Module, weights: Mapping[str, torch.Tensor]) -> dict[str, Role]:
    """Return the role of each of `weights`, parameters of `model` by name, in the order given.

    Everything that an embedding or the head holds counts as that: adapters on them too.
    """
    embeddings = _parameters_under(model, "get_input_embeddings") | {
        id(weight)
        for module in model.modules()
        if isinstance(module, torch.nn.Embedding)
        for weight in module.parameters()
    }
    head = _parameters_under(model, "get_output_embeddings")

    def role(weight: torch.Tensor) -> Role:
        num_long_axes = sum(size > 1 for size in weight.shape)
        if id(weight) in embeddings or num_long_axes < 2:
            return Role.UNDECAYED
        return Role.OUTER if id(weight) in head or weight.ndim != 2 else Role.HIDDEN

    return {name: role(weight) for name, weight in weights.items()}


def _parameters_under(model: torch.nn.Module, getter: str) -> set[int]:
    try:
        module = getattr(model, getter)()
    except (AttributeError, NotImplementedError):
        # A bare module, or an architecture that has no such part.
        return set()
    return {id(weight) for weight in module.parameters()} if module is not None else set()
