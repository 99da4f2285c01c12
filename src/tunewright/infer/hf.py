"""The transformers engine: batched, with a KV cache, on the live model of a training run as on a loaded one.

Prompts are padded on the left inside a batch of like length. Special ids and the template are the tokenizer's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from transformers import DynamicCache, PreTrainedModel

from tunewright.infer.engine import Completion, Sampling
from tunewright.models.load import context_tokens
from tunewright.models.tokenizer import HfChatTokenizer


class HfEngine:
    """Implements `Engine`."""

    def __init__(self, model: PreTrainedModel, tokenizer: HfChatTokenizer, *, batch_size: int = 32) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.batch_size = batch_size
        self._stop_ids = sorted(tokenizer.eos_ids | _generation_stops(model))

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        *,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[Completion]:
        """Return one answer per prompt. Prompts run in batches of like length, so padding is little."""
        order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
        answers: dict[int, Completion] = {}
        for start in range(0, len(order), self.batch_size):
            indices = order[start : start + self.batch_size]
            batch = self._generate_batch([prompts[index] for index in indices], sampling)
            answers.update(zip(indices, batch, strict=True))
            if on_progress is not None:
                on_progress(len(answers), len(prompts))
        return [answers[index] for index in range(len(prompts))]

    def stream(self, prompt: Sequence[int], sampling: Sampling) -> Iterator[str]:
        """Yield the answer in pieces; a piece waits until its bytes make whole characters."""
        generator = torch.Generator(device=self.model.device).manual_seed(sampling.seed)
        cache = DynamicCache(config=self.model.config)
        tokens = torch.tensor([list(prompt)], device=self.model.device)
        ids: list[int] = []
        shown = ""
        for _ in range(min(sampling.max_new_tokens, context_tokens(self.model) - len(prompt))):
            with torch.no_grad():
                logits = self.model(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1).logits
            choice = _choose(logits[0, -1].float(), sampling, generator)
            if choice in self._stop_ids:
                break
            ids.append(choice)
            tokens = torch.tensor([[choice]], device=self.model.device)
            text = self.tokenizer.answer_text(ids)
            if not text.endswith("�"):
                yield text[len(shown) :]
                shown = text

    def _generate_batch(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Completion]:
        longest = max(len(prompt) for prompt in prompts)
        room = context_tokens(self.model) - longest
        if room < 1:
            return [Completion((), "", has_ended=False) for _ in prompts]
        pad = self.tokenizer.pad_id
        tokens = torch.tensor([[pad] * (longest - len(p)) + list(p) for p in prompts], device=self.model.device)
        mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=self.model.device)
        torch.manual_seed(sampling.seed)
        with torch.no_grad():
            output: Any = self.model.generate(  # pyright: ignore[reportCallIssue]
                input_ids=tokens,
                attention_mask=mask,
                max_new_tokens=min(sampling.max_new_tokens, room),
                pad_token_id=pad,
                eos_token_id=self._stop_ids,
                **_choice_settings(sampling),
            )
        return [self._completion(row) for row in output[:, longest:].tolist()]

    def _completion(self, ids: list[int]) -> Completion:
        for position, token in enumerate(ids):
            if token in self._stop_ids:
                return Completion(tuple(ids[:position]), self.tokenizer.answer_text(ids[:position]), has_ended=True)
        return Completion(tuple(ids), self.tokenizer.answer_text(ids), has_ended=False)


def _generation_stops(model: PreTrainedModel) -> frozenset[int]:
    stops = getattr(model.generation_config, "eos_token_id", None)
    return frozenset([stops] if isinstance(stops, int) else stops or [])


def _choice_settings(sampling: Sampling) -> dict[str, Any]:
    if sampling.temperature == 0:
        # Named one by one: a model's own generation defaults must not turn a greedy answer into a sampled one.
        return {"do_sample": False, "num_beams": 1, "temperature": None, "top_p": None, "top_k": None}
    return {"do_sample": True, "num_beams": 1, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}


def _choose(logits_V: torch.Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    if sampling.temperature == 0:
        return int(logits_V.argmax())
    probabilities_V, order_V = torch.softmax(logits_V / sampling.temperature, dim=0).sort(descending=True)
    # Nucleus (Holtzman et al., arXiv 1904.09751): the smallest set whose mass reaches top_p; the first token always stays.
    beyond_V = probabilities_V.cumsum(0) - probabilities_V >= sampling.top_p
    probabilities_V = probabilities_V.masked_fill(beyond_V, 0.0)
    return int(order_V[torch.multinomial(probabilities_V, 1, generator=generator)])
