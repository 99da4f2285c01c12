"""The output head: from hidden states to losses, a few tokens at a time, never a block of [length, vocabulary].

Cross-entropy and its gradient are computed in one pass over chunks of tokens: the loss is linear over tokens, so the
gradient of a chunk is known while its logits are at hand (Hsu et al., Liger Kernel, arXiv 2410.10989, §3.2). Where the
head itself does not learn, probabilities are not even normalised: each token's sum divides its gradient afterwards.
Deliberately does not know objectives; `Head` is what they are given.

Axes: N taught tokens, D model width, V vocabulary, c tokens of a chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from tunewright.models.shapes import binary_cuts

CHUNK_BYTES = 16 * 2**20
"""Size of a chunk's logits in fp32: enough for full speed of the products, little enough for a processor's cache."""

_SMALLEST_CHUNK = 16

# Configuration keys by which an architecture changes its logits behind the output matrix, and those known here.
_LOGIT_CHANGES = ("final_logit_softcapping", "logit_scale", "logits_scaling", "lm_head_multiplier", "dim_model_base")


class TokenLosses(NamedTuple):
    """Σ w · loss with gradient; each token's loss in nats and whether it has the largest logit, without."""

    loss_sum: torch.Tensor
    loss_N: torch.Tensor
    is_hit_N: torch.Tensor


@dataclass(frozen=True, slots=True)
class OutputHead:
    """logits = cap · tanh(factor · (W h + b) / cap); without a cap, factor · (W h + b)."""

    weight_VD: torch.Tensor
    bias_V: torch.Tensor | None = None
    factor: float = 1.0
    softcap: float | None = None


def output_head(model: PreTrainedModel) -> OutputHead | None:
    """Return the head of the model; None where it is no plain matrix, or its logits are changed in an unknown way."""
    module = model.get_output_embeddings()
    if type(module) is not torch.nn.Linear:
        return None
    config = model.config.get_text_config()
    found = {name: getattr(config, name, None) for name in _LOGIT_CHANGES}
    changes = {name: float(value) for name, value in found.items() if value not in (None, 1, 1.0)}
    softcap = changes.pop("final_logit_softcapping", None)
    factor = changes.pop("logit_scale", 1.0) / changes.pop("logits_scaling", 1.0)
    if changes:
        return None
    return OutputHead(module.weight, module.bias, factor, softcap)


class HiddenHead:
    """The hidden states at N places and the head that they go through: what an objective is given."""

    def __init__(self, hidden_ND: torch.Tensor, head: OutputHead) -> None:
        self.hidden_ND, self.head = hidden_ND, head

    def cross_entropy(self, target_N: torch.Tensor, weight_N: torch.Tensor, smoothing: float = 0.0) -> TokenLosses:
        """Return the weighted cross-entropy of `target_N`; a share `smoothing` is spread over the vocabulary."""
        head = self.head
        work = _Chunks(head, target_N, weight_N, smoothing)
        inputs = (self.hidden_ND, head.weight_VD, head.bias_V)
        if not torch.is_grad_enabled():
            # A Function asks its inputs alone, and would compute gradients that nobody wants.
            inputs = tuple(None if x is None else x.detach() for x in inputs)
        loss_sum, loss_N, is_hit_N = _CrossEntropy.apply(*inputs, work)  # pyright: ignore[reportGeneralTypeIssues]
        return TokenLosses(loss_sum, loss_N, is_hit_N)

    def map_logits(self, function: Callable[[torch.Tensor, slice], torch.Tensor]) -> torch.Tensor:
        """Return `function(logits_cV in fp32, the chunk's place)`, [c, …], of all chunks put together.

        The logits of a chunk are made again for its backward pass, so they are never held together.
        """
        places = _chunks(len(self.hidden_ND), len(self.head.weight_VD))
        return torch.cat(
            [checkpoint(self._mapped, self.hidden_ND[place], function, place, use_reentrant=False) for place in places]
        )

    def _mapped(
        self, hidden_cD: torch.Tensor, function: Callable[[torch.Tensor, slice], torch.Tensor], place: slice
    ) -> torch.Tensor:
        head = self.head
        logits = F.linear(hidden_cD, head.weight_VD, head.bias_V).float() * head.factor
        return function(logits if head.softcap is None else head.softcap * torch.tanh(logits / head.softcap), place)


class LogitsHead:
    """The same over logits that a model computed whole, for heads that are no plain matrix."""

    def __init__(self, logits_NV: torch.Tensor) -> None:
        self.logits_NV = logits_NV if logits_NV.dtype == torch.float64 else logits_NV.float()

    def cross_entropy(self, target_N: torch.Tensor, weight_N: torch.Tensor, smoothing: float = 0.0) -> TokenLosses:
        """Return the weighted cross-entropy of `target_N`; a share `smoothing` is spread over the vocabulary."""
        loss_N = F.cross_entropy(self.logits_NV, target_N, reduction="none", label_smoothing=smoothing)
        own = self.logits_NV.detach().gather(1, target_N[:, None])
        is_hit_N = (own >= self.logits_NV.detach().amax(1, keepdim=True)).squeeze(1)
        return TokenLosses((loss_N * weight_N).sum(), loss_N.detach(), is_hit_N)

    def map_logits(self, function: Callable[[torch.Tensor, slice], torch.Tensor]) -> torch.Tensor:
        """Return `function(logits_NV, all)`."""
        return function(self.logits_NV, slice(0, len(self.logits_NV)))


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, work: _Chunks
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        work.run(hidden, ctx.needs_input_grad[:3])
        ctx.save_for_backward(work.dhidden, work.dweight, work.dbias)
        ctx.mark_non_differentiable(work.loss_N, work.is_hit_N)
        return (work.loss_N * work.weight_N).sum(), work.loss_N, work.is_hit_N

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        scaled = [None if saved is None else saved * gradients[0].to(saved.dtype) for saved in ctx.saved_tensors]
        return (*scaled, None)


class _Chunks:
    """One pass over the tokens; after `run`, losses, hits and gradients are there."""

    def __init__(self, head: OutputHead, target_N: torch.Tensor, weight_N: torch.Tensor, smoothing: float) -> None:
        self.head, self.target, self.weight_N, self.smoothing = head, target_N, weight_N, smoothing
        self.weight, self.bias = head.weight_VD.detach(), None if head.bias_V is None else head.bias_V.detach()
        self.hidden = head.weight_VD.new_empty(0)
        self.loss_N = torch.empty(len(target_N), dtype=torch.float32, device=target_N.device)
        self.is_hit_N = torch.empty(len(target_N), dtype=torch.bool, device=target_N.device)
        self.dhidden = self.dweight = self.dbias = None

    def run(self, hidden: torch.Tensor, needs: tuple[bool, ...]) -> None:
        """Fill in what is needed of the gradients: hidden states, weight, bias."""
        self.hidden = hidden
        learns = needs[1] or needs[2]
        if needs[0]:
            self.dhidden = torch.empty_like(self.hidden)
        if needs[1]:
            self.dweight = torch.zeros(self.weight.shape, dtype=torch.float32, device=self.weight.device)
        if needs[2]:
            assert self.bias is not None
            self.dbias = torch.zeros(self.bias.shape, dtype=torch.float32, device=self.bias.device)
        is_short = not learns and self.head.softcap is None and self.bias is None and self.smoothing == 0.0
        for place in _chunks(len(self.hidden), len(self.weight)):
            (self._short if is_short else self._full)(place)
        # A leaf's gradient has the leaf's type.
        self.dweight = None if self.dweight is None else self.dweight.to(self.weight.dtype)
        self.dbias = None if self.dbias is None or self.bias is None else self.dbias.to(self.bias.dtype)

    def _short(self, place: slice) -> None:
        """A head that does not learn and changes nothing: e^(z − m) and its sum are enough."""
        target, weight_N = self.target[place], self.weight_N[place]
        logits = self._products(place)
        top = logits.amax(1, keepdim=True)
        own = logits.gather(1, target[:, None])
        powers = logits.sub_(top).exp_()
        sums = powers.sum(1, dtype=torch.float32)
        self.loss_N[place] = sums.log() + (top.float() - own.float()).squeeze(1)
        self.is_hit_N[place] = (own >= top).squeeze(1)
        if self.dhidden is None:
            return
        scale = (weight_N * self.head.factor)[:, None]
        expected = (powers @ self.weight) * (scale / sums[:, None])
        self.dhidden[place] = expected.sub_(self.weight.index_select(0, target) * scale)

    def _full(self, place: slice) -> None:
        target, weight_N = self.target[place, None], self.weight_N[place, None].float()
        products = self._products(place).float()
        cap = self.head.softcap
        bent = None if cap is None else products.div_(cap).tanh_()
        logits = products if bent is None or cap is None else bent * cap
        log_sum = logits.logsumexp(1, keepdim=True)
        own = logits.gather(1, target)
        rest = logits.mean(1, keepdim=True) if self.smoothing else own
        loss = log_sum - (1 - self.smoothing) * own - self.smoothing * rest
        self.loss_N[place] = loss.squeeze(1)
        self.is_hit_N[place] = (own >= logits.amax(1, keepdim=True)).squeeze(1)
        if self.dhidden is None and self.dweight is None and self.dbias is None:
            return
        dlogits = (logits - log_sum).exp_().sub_(self.smoothing / logits.shape[1]).mul_(weight_N)
        # Each row has one target; scatter_ writes and never adds, so the order does not matter.
        dlogits.scatter_(1, target, dlogits.gather(1, target) - (1 - self.smoothing) * weight_N)
        if bent is not None:
            dlogits.mul_(1 - bent * bent)
        self._spread(dlogits.mul_(self.head.factor).to(self.hidden.dtype), place)

    def _spread(self, dproducts: torch.Tensor, place: slice) -> None:
        if self.dhidden is not None:
            self.dhidden[place] = dproducts @ self.weight
        if self.dweight is not None:
            self.dweight += dproducts.t() @ self.hidden[place]
        if self.dbias is not None:
            self.dbias += dproducts.sum(0, dtype=torch.float32)

    def _products(self, place: slice) -> torch.Tensor:
        logits = F.linear(self.hidden[place], self.weight, self.bias)
        return logits if self.head.factor == 1.0 else logits.mul_(self.head.factor)


def _chunks(num_tokens: int, vocabulary: int) -> list[slice]:
    most = max(_SMALLEST_CHUNK, CHUNK_BYTES // (4 * vocabulary))
    # A power of two, so that what is left can be cut into sizes that recur.
    return binary_cuts(num_tokens, 1 << (most.bit_length() - 1), _SMALLEST_CHUNK)
