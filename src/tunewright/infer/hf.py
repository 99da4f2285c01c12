"""The transformers engine: batched, with a KV cache, on the live model of a training run as on a loaded one.

Prompts are padded on the left inside a batch of like length. Special ids and the template are the tokenizer's. A model
with a tuned prompt gets its virtual tokens in front of every prompt; they take their part of the context.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from transformers import DynamicCache, PreTrainedModel

from tunewright.infer.engine import Completion, Sampling
from tunewright.models.load import context_tokens
from tunewright.models.soft_prompt import prefix_ids
from tunewright.models.tokenizer import HfChatTokenizer

# Every way in which a model's own generation defaults (generation_config.json) could change which token is chosen:
# `Sampling` alone decides, so that a batch, a stream and another engine give the same answer.
_NO_DEFAULTS: dict[str, Any] = {
    "num_beams": 1,
    "num_return_sequences": 1,
    **dict.fromkeys(
        "repetition_penalty encoder_repetition_penalty no_repeat_ngram_size min_length min_new_tokens suppress_tokens "
        "begin_suppress_tokens bad_words_ids sequence_bias forced_bos_token_id forced_eos_token_id guidance_scale "
        "exponential_decay_length_penalty min_p top_h typical_p epsilon_cutoff eta_cutoff stop_strings".split()
    ),
}


class HfEngine:
    """Implements `Engine`."""

    def __init__(self, model: PreTrainedModel, tokenizer: HfChatTokenizer, *, batch_size: int = 32) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.batch_size = batch_size
        self.stop_ids = sorted(tokenizer.eos_ids | _generation_stops(model))

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        *,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[Completion]:
        """Return one answer per prompt. Prompts run in batches of like length, so padding is little."""
        prompts = [[*prefix_ids(self.model), *prompt] for prompt in prompts]
        answers: dict[int, Completion] = {}
        for limit, indices in self._batches(prompts, sampling.max_new_tokens):
            batch = self._generate_batch([prompts[index] for index in indices], limit, sampling)
            answers.update(zip(indices, batch, strict=True))
            if on_progress is not None:
                on_progress(len(answers), len(prompts))
        return [answers[index] for index in range(len(prompts))]

    def stream(self, prompt: Sequence[int], sampling: Sampling) -> Iterator[str]:
        """Yield the answer in pieces; a piece waits until its bytes make whole characters."""
        generator = torch.Generator(device=self.model.device).manual_seed(sampling.seed)
        cache = DynamicCache(config=self.model.config)
        prompt = [*prefix_ids(self.model), *prompt]
        tokens = torch.tensor([prompt], device=self.model.device)
        ids: list[int] = []
        text = shown = ""
        for _ in range(min(sampling.max_new_tokens, context_tokens(self.model) - len(prompt))):
            with torch.no_grad():
                logits = self.model(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1).logits
            choice = _choose(logits[0, -1].float(), sampling, generator)
            if choice in self.stop_ids:
                break
            ids.append(choice)
            tokens = torch.tensor([[choice]], device=self.model.device)
            text = self.tokenizer.answer_text(ids)
            if not text.endswith("�"):
                # A special token has no text of its own, and no piece is empty.
                yield from [text[len(shown) :]] if text != shown else []
                shown = text
        if text != shown:
            # The answer ended inside a character; its replacement mark is part of `Completion.text` too.
            yield text[len(shown) :]

    def _batches(self, prompts: Sequence[Sequence[int]], max_new_tokens: int) -> Iterator[tuple[int, list[int]]]:
        """Yield (most new tokens, prompt indices), shorter prompts apart from those that the context cuts short.

        In one batch, the room of the longest prompt would become everybody's, and an answer would depend on its
        neighbours.
        """
        context = context_tokens(self.model)
        limits = [max(0, min(max_new_tokens, context - len(prompt))) for prompt in prompts]
        order = sorted(range(len(prompts)), key=lambda index: (limits[index], len(prompts[index])))
        for limit, group in itertools.groupby(order, key=limits.__getitem__):
            indices = list(group)
            for start in range(0, len(indices), self.batch_size):
                yield limit, indices[start : start + self.batch_size]

    def _generate_batch(self, prompts: Sequence[Sequence[int]], limit: int, sampling: Sampling) -> list[Completion]:
        if limit < 1:
            return [Completion((), "", has_ended=False) for _ in prompts]
        longest = max(len(prompt) for prompt in prompts)
        pad = self.tokenizer.pad_id
        tokens = torch.tensor([[pad] * (longest - len(p)) + list(p) for p in prompts], device=self.model.device)
        mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=self.model.device)
        torch.manual_seed(sampling.seed)
        with torch.no_grad():
            output: Any = self.model.generate(  # pyright: ignore[reportCallIssue]
                input_ids=tokens,
                attention_mask=mask,
                max_new_tokens=limit,
                pad_token_id=pad,
                eos_token_id=self.stop_ids,
                **_choice_settings(sampling),
            )
        return [self.completion(row) for row in output[:, longest:].tolist()]

    def completion(self, ids: list[int]) -> Completion:
        """Return the answer that `ids` are, up to the first token that stops it."""
        for position, token in enumerate(ids):
            if token in self.stop_ids:
                return Completion(tuple(ids[:position]), self.tokenizer.answer_text(ids[:position]), has_ended=True)
        return Completion(tuple(ids), self.tokenizer.answer_text(ids), has_ended=False)


def _generation_stops(model: PreTrainedModel) -> frozenset[int]:
    stops = getattr(model.generation_config, "eos_token_id", None)
    return frozenset([stops] if isinstance(stops, int) else stops or [])


def _choice_settings(sampling: Sampling) -> dict[str, Any]:
    if sampling.temperature == 0:
        return {**_NO_DEFAULTS, "do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    return {
        **_NO_DEFAULTS,
        "do_sample": True,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": 0,
    }


def _choose(logits_V: torch.Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    if sampling.temperature == 0:
        return int(logits_V.argmax())
    probabilities_V, order_V = torch.softmax(logits_V / sampling.temperature, dim=0).sort(descending=True)
    # Nucleus (Holtzman et al., arXiv 1904.09751): the smallest set whose mass reaches top_p; the first token always
    # stays.
    beyond_V = probabilities_V.cumsum(0) - probabilities_V >= sampling.top_p
    probabilities_V = probabilities_V.masked_fill(beyond_V, 0.0)
    return int(order_V[torch.multinomial(probabilities_V, 1, generator=generator)])
