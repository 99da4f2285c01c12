"""Forest attention by explicit, batched matrix products, forward and backward, on any device.

Every product of the plan gives unnormalised probabilities e^(s − m), the maxima m and the sums l of their rows. Where a
query meets several sets of keys, the parts are put together by their common log-sum

    lse = log Σ_parts l · e^m        out = Σ_parts e^(m − lse) · e^(s − m) V

and the backward of a part needs nothing of the others but lse and δ = Σ dout · out (FlashAttention-2, arXiv 2307.08691,
§3.1, with parts in place of tiles). Probabilities of small products are kept for the backward, those of large ones are
computed again.

Axes: H query heads, K key heads, G = H / K, T tokens, D head size; b products in a batch, q queries, k keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from tunewright.models.attention.fused_row import attend_row
from tunewright.models.attention.plan import AttentionPlan, Bucket, Cross

KEPT_BYTES = 32 * 2**20
"""Largest block of probabilities of one product that is kept for the backward pass."""
_LOWEST = -1e30
"""Stands for the maximum of a row that sees no key: e^(−inf − (−inf)) would not be a number."""


class Scoring(NamedTuple):
    """How scores come from products: s = scale · qᵀk, then cap · tanh(s / cap) if there is a cap; then dropout."""

    scale: float
    softcap: float | None = None
    dropout: float = 0.0

    @property
    def is_plain(self) -> bool:
        """Whether probabilities are a softmax of scaled products and nothing else."""
        return self.softcap is None and self.dropout == 0.0


def attend(
    q_HTD: torch.Tensor, k_KTD: torch.Tensor, v_KTD: torch.Tensor, plan: AttentionPlan, scoring: Scoring
) -> torch.Tensor:
    """Return the attention's output, [T, H · D]. Head h of the queries meets head h // G of the keys."""
    return _Attention.apply(q_HTD, k_KTD, v_KTD, (plan, scoring))  # pyright: ignore[reportReturnType]


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, how: tuple[AttentionPlan, Scoring]
    ) -> torch.Tensor:
        plan, scoring = how
        needs_backward = any(ctx.needs_input_grad[:3])
        parts = [_Part(place, scoring, len(q) // len(k)) for place in (*plan.buckets, *plan.crosses)]
        outs = [part.forward(q, k, v, keeps=needs_backward) for part in parts]
        lse_HT = _common_log_sum(parts, plan, q)
        out_THD = (
            _put_together(parts, outs, plan, lse_HT) if parts else q.new_empty(plan.num_tokens, len(q), q.shape[2])
        )
        rows = [attend_row(q, k, v, place, scoring.scale, keeps=needs_backward) for place in plan.fused]
        for row in rows:
            out_THD[row.place] = row.out[0].detach().transpose(0, 1)
        if needs_backward:
            ctx.save_for_backward(q, k, v, out_THD, lse_HT)
            ctx.parts, ctx.rows, ctx.plan = parts, rows, plan
        return out_THD.flatten(1)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        q, k, v, out_THD, lse_HT = ctx.saved_tensors
        gradient_THD = gradients[0].view_as(out_THD)
        delta_HT = None
        if lse_HT is not None:
            delta_HT = (gradient_THD * out_THD).sum(2, dtype=torch.float32).t().contiguous()
        given = _Given(gradient_THD.transpose(0, 1).contiguous(), lse_HT, delta_HT)
        plan: AttentionPlan = ctx.plan
        found = [part.backward(q, k, v, given) for part in ctx.parts]
        num_buckets = len(plan.buckets)
        if ctx.parts:
            whole = [_by_token([each[i] for each in found[:num_buckets]], plan) for i in range(3)]
        else:
            whole = [torch.empty_like(x) for x in (q, k, v)]
        for place, (dq, dk, dv) in zip(plan.crosses, found[num_buckets:], strict=True):
            whole[0][:, place.queries] += dq
            whole[1][:, place.keys] += dk
            whole[2][:, place.keys] += dv
        for row in ctx.rows:
            for gradient, of_row in zip(whole, row.gradients(given.gradient_HTD), strict=True):
                gradient[:, row.place] = of_row
        return (*whole, None)


class _Given(NamedTuple):
    """What the backward of every part is given; None where no part is merged with another."""

    gradient_HTD: torch.Tensor
    lse_HT: torch.Tensor | None
    delta_HT: torch.Tensor | None


@dataclass(slots=True, eq=False)
class _Part:
    """One batched product, and what of its forward pass its backward needs."""

    place: Bucket | Cross
    scoring: Scoring
    num_groups: int
    probabilities: torch.Tensor | None = None
    """[b, q, k]; normalised where this part is all that its queries meet."""
    maximum: torch.Tensor | None = None
    """[b, q, 1]; None where the probabilities are normalised."""
    log_sum: torch.Tensor | None = None
    """[H, places or queries]: m + log l, fp32."""
    kept: torch.Tensor | None = None
    """What dropout left of the probabilities, 0 or 1 / (1 − p)."""

    @property
    def is_alone(self) -> bool:
        """Whether the queries meet no other part, and the kernel of the softmax can be used."""
        return isinstance(self.place, Bucket) and not self.place.is_merged and self.scoring.is_plain

    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, *, keeps: bool) -> torch.Tensor:
        """Return e^(s − m) V, or softmax(s) V where the part is alone: [H, places or queries, D]."""
        queries, keys, values = self._queries(q), self._keys(k), self._keys(v)
        scores, _ = self._scores(queries, keys)
        if self.is_alone:
            probabilities = torch.softmax(scores, dim=-1)
        else:
            self.maximum = scores.amax(-1, keepdim=True).clamp_(min=max(_LOWEST, torch.finfo(scores.dtype).min))
            probabilities = scores.sub_(self.maximum).exp_()
            sums = probabilities.sum(-1, dtype=torch.float32)
            self.log_sum = self._by_head((sums.log() + self.maximum.squeeze(-1).float())[..., None]).squeeze(-1)
        if self.scoring.dropout:
            self.kept = torch.empty_like(probabilities).bernoulli_(1 - self.scoring.dropout)
            self.kept.div_(1 - self.scoring.dropout)
        if keeps and self.scoring.softcap is None and probabilities.nbytes <= KEPT_BYTES:
            self.probabilities = probabilities
        weights = probabilities if self.kept is None else probabilities * self.kept
        return self._by_head(torch.bmm(weights, values))

    def backward(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, given: _Given
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the gradients of queries, keys and values at the places of this part."""
        queries, keys, values = self._queries(q), self._keys(k), self._keys(v)
        probabilities, slope = self.probabilities, None
        if probabilities is None:
            probabilities, slope = self._again(queries, keys)
        gradient = self._queries(given.gradient_HTD, fill=True)
        if self.is_alone:
            inner = torch.bmm(gradient, values.transpose(1, 2))
            dvalues = torch.bmm(probabilities.transpose(1, 2), gradient)
            # The operation that autograd itself calls for a softmax.
            dscores = torch.ops.aten._softmax_backward_data(inner, probabilities, -1, probabilities.dtype)
        else:
            assert given.lse_HT is not None and given.delta_HT is not None
            scale = self._row_scale(given.lse_HT)
            delta = self._queries(given.delta_HT[..., None], fill=True)
            gradient = (gradient * scale).to(values.dtype)
            inner = torch.bmm(gradient, values.transpose(1, 2))
            weights = probabilities
            if self.kept is not None:
                inner, weights = inner.mul_(self.kept), probabilities * self.kept
            dvalues = torch.bmm(weights.transpose(1, 2), gradient)
            dscores = inner.sub_(delta * scale).mul_(probabilities)
        if slope is not None:
            dscores = dscores.mul_(slope)
        return (
            self._by_head(self._scaled(dscores, keys)),
            self._by_head(self._scaled(dscores.transpose(1, 2), queries), of_keys=True),
            self._by_head(dvalues, of_keys=True),
        )

    def row_scale(self, lse_HT: torch.Tensor) -> torch.Tensor:
        """Return e^(m − lse) by head, [H, places or queries, 1], fp32: what normalises this part's share."""
        return self._by_head(self._row_scale(lse_HT))

    def _row_scale(self, lse_HT: torch.Tensor) -> torch.Tensor:
        assert self.maximum is not None
        # Never above 0 but at places that fill up, which repeat another token's lse.
        return (self.maximum.float() - self._queries(lse_HT[..., None])).clamp_(max=0).exp_()

    def _again(self, queries: torch.Tensor, keys: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        scores, slope = self._scores(queries, keys)
        if self.maximum is None:
            return torch.softmax(scores, dim=-1), None
        return scores.sub_(self.maximum).exp_(), slope

    def _scores(self, queries: torch.Tensor, keys: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return s with its mask, and ds / d(scale · qᵀk) where that is not 1."""
        mask, cap = self.place.mask, self.scoring.softcap
        if mask is not None and mask.ndim == 3 and len(mask) > 1:
            # One mask a block, in the order of `_queries`: [K, B, G, q, k].
            mask = mask[None, :, None]
        elif mask is not None and self.num_groups > 1:
            mask = mask.expand(1, *mask.shape[-2:]).repeat(1, self.num_groups, 1)
        if cap is None and mask is not None and mask.ndim < 5:
            return torch.baddbmm(mask, queries, keys.transpose(1, 2), alpha=self.scoring.scale), None
        scores = self._scaled(queries, keys.transpose(1, 2))
        if cap is None:
            return (scores if mask is None else self._masked(scores, mask)), None
        bent = scores.div_(cap).tanh_()
        slope = 1 - bent * bent
        scores = bent.mul_(cap)
        return (scores if mask is None else self._masked(scores, mask)), slope

    def _masked(self, scores: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if mask.ndim < 5:
            return scores.add_(mask)
        scores.view(-1, mask.shape[1], self.num_groups, *mask.shape[-2:]).add_(mask)
        return scores

    def _scaled(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """Return scale · left · right in one pass."""
        empty = left.new_empty(1, 1, 1)
        return torch.baddbmm(empty, left, right, beta=0, alpha=self.scoring.scale)

    def _queries(self, x_HTd: torch.Tensor, *, fill: bool = False) -> torch.Tensor:
        """Return what belongs to this part's queries, [b, q, d]; `fill` puts zeros where a bucket is filled up."""
        groups, place, size = self.num_groups, self.place, x_HTd.shape[-1]
        if isinstance(place, Cross):
            picked = x_HTd[:, place.queries]
            return picked if groups == 1 else picked.reshape(-1, groups * picked.shape[1], size)
        picked = x_HTd if place.is_whole else x_HTd.index_select(1, place.tokens)
        if fill and place.filled is not None:
            picked = picked.index_fill_(1, place.filled, 0)
        if groups == 1:
            return picked.reshape(-1, place.length, size)
        # [K, G, B, L, d] → [K · B, G · L, d]: the heads of a group meet the same keys.
        picked = picked.view(-1, groups, place.num_blocks, place.length, size).transpose(1, 2)
        return picked.reshape(-1, groups * place.length, size)

    def _keys(self, x_KTd: torch.Tensor) -> torch.Tensor:
        place = self.place
        if isinstance(place, Cross):
            return x_KTd[:, place.keys]
        picked = x_KTd if place.is_whole else x_KTd.index_select(1, place.tokens)
        return picked.reshape(-1, place.length, x_KTd.shape[-1])

    def _by_head(self, x: torch.Tensor, *, of_keys: bool = False) -> torch.Tensor:
        """Return [b, q or k, d] as [H or K, places, d]: the inverse of `_queries` and `_keys`."""
        groups, place, size = 1 if of_keys else self.num_groups, self.place, x.shape[-1]
        if isinstance(place, Cross):
            return x if groups == 1 else x.reshape(len(x) * groups, -1, size)
        if groups == 1:
            return x.view(-1, place.num_blocks * place.length, size)
        heads = x.view(-1, place.num_blocks, groups, place.length, size).transpose(1, 2)
        return heads.reshape(-1, place.num_blocks * place.length, size)


def _common_log_sum(parts: Sequence[_Part], plan: AttentionPlan, q: torch.Tensor) -> torch.Tensor | None:
    """Return lse, [H, T] fp32, or None where every part is alone."""
    if all(part.is_alone for part in parts):
        return None
    num_buckets = len(plan.buckets)
    sums = [part.log_sum for part in parts[:num_buckets]]
    # Alone parts are normalised already; nobody asks for their log-sum.
    lse_HT = _by_token([_filled(q, part) if s is None else s for s, part in zip(sums, parts, strict=False)], plan)
    for place, part in zip(plan.crosses, parts[num_buckets:], strict=True):
        assert part.log_sum is not None
        lse_HT[:, place.queries] = torch.logaddexp(lse_HT[:, place.queries], part.log_sum)
    return lse_HT


def _filled(q: torch.Tensor, part: _Part) -> torch.Tensor:
    assert isinstance(part.place, Bucket)
    return q.new_zeros(len(q), part.place.num_blocks * part.place.length, dtype=torch.float32)


def _put_together(
    parts: Sequence[_Part], outs: list[torch.Tensor], plan: AttentionPlan, lse_HT: torch.Tensor | None
) -> torch.Tensor:
    """Return Σ_parts e^(m − lse) · out by token, [T, H, D]."""
    num_buckets, dtype = len(plan.buckets), outs[0].dtype
    if lse_HT is None:
        return _by_token_first(outs, plan)
    shares = [
        out if part.maximum is None else out * part.row_scale(lse_HT) for out, part in zip(outs, parts, strict=True)
    ]
    out_THD = _by_token_first([share.float() for share in shares[:num_buckets]], plan)
    for place, share in zip(plan.crosses, shares[num_buckets:], strict=True):
        out_THD[place.queries] += share.transpose(0, 1)
    return out_THD.to(dtype)


def _by_token(pieces: Sequence[torch.Tensor], plan: AttentionPlan) -> torch.Tensor:
    """Return what the buckets have at their places, [H, places, …], in the order of the tokens: [H, T, …]."""
    whole = pieces[0] if len(pieces) == 1 else torch.cat(list(pieces), dim=1)
    return whole if plan.is_whole else whole.index_select(1, plan.place_T)


def _by_token_first(pieces: Sequence[torch.Tensor], plan: AttentionPlan) -> torch.Tensor:
    """Return the same as [T, H, …], which costs one copy instead of two."""
    whole = pieces[0] if len(pieces) == 1 else torch.cat(list(pieces), dim=1)
    turned = whole.transpose(0, 1)
    return turned.contiguous() if plan.is_whole else turned.index_select(0, plan.place_T)
