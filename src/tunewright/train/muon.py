"""Muon on the matrices inside the layers and AdamW on everything else, as one optimiser.

Muon (Jordan et al. 2024; torch.optim.Muon) moves a matrix by its momentum made orthogonal. Its update is scaled by
0.2 · √max(rows, columns), which gives it the root mean square of a typical AdamW update ("Muon is scalable for LLM
training", arXiv 2502.16982, section 2.2), so that both parts share one learning rate and one weight decay. 0.2 is what
AdamW's updates come to in long runs; its first steps are nearer 1, so short runs want a larger rate with Muon.
Deliberately does not know which weights are which: `groups` says that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


class Joined(torch.optim.Optimizer):
    """Several optimisers over different weights, stepped in turn, saved and loaded as one.

    `param_groups` are the parts' own, so that a rate that is set there is set in the part.
    """

    def __init__(self, parts: Sequence[torch.optim.Optimizer]) -> None:
        self.parts = tuple(parts)
        super().__init__(self._groups(), {})

    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Step every part."""
        for part in self.parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """Return the state of every part, in order."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what `state_dict` returned.

        Raises:
            ValueError: if it is of other parts.
        """
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        # Loading gives each part new groups.
        self.param_groups = self._groups()

    def _groups(self) -> list[dict[str, Any]]:
        return [group for part in self.parts for group in part.param_groups]
