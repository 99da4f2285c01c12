"""Full fine-tuning of bf16 weights without fp32 copies: updates in fp32, rounded at random.

x is rounded to one of its two bf16 neighbours a ≤ x ≤ b, to b with probability (x − a) / (b − a), so that E[round(x)] =
x and an update far below the spacing still moves a weight on average (Gupta et al., arXiv 1502.02551, section 3.1; for
bf16 training Zamirai et al., arXiv 2010.06192). Random numbers come from a generator of its own, whose state is part of
the optimiser's: nothing else draws from it, and it draws nothing that others would.

Bytes per weight while the optimiser moves it, with AdamW and one micro-batch a step: weight 2, gradient 2, moments 8 =
12, where fp32 masters need 18 (weight 2, master 4, gradient 4, moments 8); with 8-bit moments 6. A second micro-batch
adds up gradients in fp32, which adds 2. Besides, fp32 copies of one portion of the weights at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from tunewright.train.bf16 import round_to_bf16_
from tunewright.train.masters import PORTION, MasterWeights, portions


class StochasticRounding(torch.optim.Optimizer):
    """An optimiser over bf16 weights: it lends an inner one fp32 stand-ins of them, portion by portion.

    A stand-in is an fp32 parameter that is empty but while its weight is moved; the inner optimiser keeps its state,
    and takes it for an ordinary weight. Weights that are fp32 already are lent as they are, and not rounded.
    """

    def __init__(
        self,
        masters: MasterWeights,
        make_inner: Callable[[Mapping[str, torch.Tensor]], torch.optim.Optimizer],
        seed: int,
    ) -> None:
        self._masters = masters
        self._stand_ins = {
            # The optimiser may ask how many axes a weight has before it sees one.
            name: torch.nn.Parameter(torch.empty([0] * weight.ndim, device=weight.device))
            for name, weight in masters.tensors.items()
        }
        self.inner = make_inner(self._stand_ins)
        super().__init__(self.inner.param_groups, {})
        self.state = self.inner.state
        device = next(iter(masters.tensors.values())).device
        self._generator = torch.Generator(device).manual_seed(seed)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Move every weight that has a gradient in `MasterWeights`, and round it."""
        gradients = self._masters.gradients()
        for names in portions({name: self._masters.tensors[name] for name in gradients}, PORTION):
            with self._lent({name: gradients[name] for name in names}):
                self.inner.step()

    def state_dict(self) -> dict[str, Any]:
        """Return the inner optimiser's state and that of the random numbers."""
        return {"inner": self.inner.state_dict(), "generator": self._generator.get_state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what `state_dict` returned: the same steps give the same weights, bit for bit."""
        self.inner.load_state_dict(state_dict["inner"])
        self._generator.set_state(state_dict["generator"])
        # Loading gives the inner optimiser new groups and a new state.
        self.param_groups, self.state = self.inner.param_groups, self.inner.state

    @contextmanager
    def _lent(self, gradients: Mapping[str, torch.Tensor]) -> Iterator[None]:
        """Fill the stand-ins of `gradients`; afterwards round them into the weights and empty them all again."""
        for name, gradient in gradients.items():
            stand_in = self._stand_ins[name]
            stand_in.data = self._masters.tensors[name].detach().float()
            stand_in.grad = gradient.float()
        try:
            yield
            for name in gradients:
                weight = self._masters.tensors[name]
                if weight.dtype != torch.float32:
                    weight.copy_(round_to_bf16_(self._stand_ins[name].data, self._generator))
        finally:
            for name in gradients:
                stand_in = self._stand_ins[name]
                stand_in.grad = None
                stand_in.data = stand_in.new_empty([0] * stand_in.ndim)
