"""Prompt tuning (Lester et al., arXiv 2104.08691): learnt vectors in front of every row; the model stays as it is.

The vectors are rows of the input embedding behind the vocabulary's (`models.soft_prompt`), so whoever makes rows puts
`prefix_ids` in front of them, and an engine does so with its prompts. The artifact is peft's (PROMPT_TUNING).
Deliberately does not know the tokenizer: whoever has one lends it to a prompt that begins from a text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch
from peft import PromptTuningConfig
from torch import nn
from transformers import PreTrainedModel

from tunewright.errors import ModelError
from tunewright.methods.adapter_file import misfit, read_config, read_weights, write_config, write_weights
from tunewright.methods.method import Origin
from tunewright.models.load import Quantisation, context_tokens
from tunewright.models.soft_prompt import SoftPromptEmbedding, prefix_ids
from tunewright.spec.method import PromptSpec

KIND = "PROMPT_TUNING"
"""The `peft_type` of the artifact."""
_TENSOR = "prompt_embeddings"


class Prompt:
    """Implements `Method`."""

    artifact: Literal["adapter", "model"] = "adapter"
    is_exact_at_start = False
    quantisation: Quantisation | None = None

    def __init__(self, spec: PromptSpec) -> None:
        self.spec = spec
        self.prefix_ids: tuple[int, ...] = ()
        self._encode: Callable[[str], Sequence[int]] | None = None

    def use_tokenizer(self, encode: Callable[[str], Sequence[int]]) -> None:
        """Take the function that makes ids of `init_text`, without special tokens; before `apply`."""
        self._encode = encode

    def apply(self, model: PreTrainedModel) -> PreTrainedModel:
        """Return the model with the virtual tokens behind its vocabulary; all but their vectors is frozen.

        Raises:
            ModelError: if its input embedding cannot be extended, its context has no room for the prompt, or
                `init_text` cannot be encoded.
        """
        room = context_tokens(model)
        if self.spec.num_tokens >= room:
            raise ModelError(
                f"method.num_tokens: {self.spec.num_tokens:,} leave no room for a row in this model's context of "
                f"{room:,} tokens",
                hint="--set method.num_tokens=20",
            )
        base = _plain_embedding(model)
        start_ids = self._start_ids(base.num_embeddings).to(base.weight.device)
        embedding = _install(model, base, self.spec.num_tokens)
        with torch.no_grad():
            embedding.prompt_embeddings.copy_(base(start_ids))
        embedding.prompt_embeddings.requires_grad_(True)
        self.prefix_ids = prefix_ids(model)
        return model

    def save(self, model: PreTrainedModel, weights: Mapping[str, torch.Tensor], folder: Path, origin: Origin) -> None:
        """Write `adapter_model.safetensors` and `adapter_config.json` in peft's layout, in fp32."""
        (prompt_ND,) = weights.values()
        write_weights(folder, {_TENSOR: prompt_ND})
        shape = model.config.get_text_config()
        config = PromptTuningConfig(
            task_type="CAUSAL_LM",
            inference_mode=True,
            num_virtual_tokens=prompt_ND.shape[0],
            token_dim=prompt_ND.shape[1],
            num_transformer_submodules=1,
            num_attention_heads=shape.num_attention_heads,
            num_layers=shape.num_hidden_layers,
            base_model_name_or_path=origin.spec.source,
            revision=origin.source.revision,
        )
        write_config(folder, config.to_dict())

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """Refuse: the vectors are input, not weights.

        Raises:
            ModelError: always.
        """
        raise ModelError(
            "a tuned prompt cannot be merged: its vectors are input to the model, not part of its weights",
            hint="ship the adapter beside its base, or train with method.kind=lora",
        )

    def _start_ids(self, num_embeddings: int) -> torch.Tensor:
        """Return the tokens whose embeddings the vectors start from."""
        text, count = self.spec.init_text, self.spec.num_tokens
        if text is None:
            return torch.randint(0, num_embeddings, (count,))
        if self._encode is None:
            raise ModelError(
                "method.init_text: needs the tokenizer, and none was given",
                hint="call use_tokenizer(tokenizer.encode) before apply, or leave method.init_text out",
            )
        ids = list(self._encode(text))
        if not ids:
            raise ModelError(
                f"method.init_text: {text!r} has no tokens to start from", hint="write some words, or leave it out"
            )
        return torch.tensor([ids[position % len(ids)] for position in range(count)])


def load_prompt(model: PreTrainedModel, folder: Path) -> PreTrainedModel:
    """Return the model with the tuned prompt of `folder` in place, frozen, in the model's precision.

    Raises:
        ModelError: if there is none, or it was made for another width.
    """
    config = read_config(folder, KIND)
    num_tokens = config.get("num_virtual_tokens")
    if not isinstance(num_tokens, int) or num_tokens < 1:
        raise misfit(folder, f"adapter_config.json: num_virtual_tokens must be at least 1, got {num_tokens!r}")
    base = _plain_embedding(model)
    tensors = read_weights(folder, {_TENSOR: torch.Size([num_tokens, base.embedding_dim])})
    with torch.no_grad():
        _install(model, base, num_tokens).prompt_embeddings.copy_(tensors[_TENSOR])
    return model.eval()


def _plain_embedding(model: PreTrainedModel) -> nn.Embedding:
    """Return the input embedding of a model to which virtual tokens can be added.

    Raises:
        ModelError: if they cannot be.
    """
    embedding = model.get_input_embeddings()
    if not isinstance(embedding, nn.Embedding):
        raise ModelError(
            f"prompt tuning needs an input embedding that is a table of tokens; this model's is a "
            f"{type(embedding).__name__}",
            hint="train with method.kind=lora",
        )
    # Gemma 3n looks every token up in a second table as well, for each layer; virtual tokens have no row there.
    if getattr(model.config.get_text_config(), "vocab_size_per_layer_input", None):
        raise ModelError(
            "prompt tuning cannot give this model virtual tokens: it looks tokens up in every layer",
            hint="train with method.kind=lora",
        )
    return embedding


def _install(model: PreTrainedModel, base: nn.Embedding, num_tokens: int) -> SoftPromptEmbedding:
    """Freeze the model and put its embedding into one that has virtual tokens; an output head tied to it stays tied."""
    model.requires_grad_(False)
    embedding = SoftPromptEmbedding(base, num_tokens)
    model.set_input_embeddings(embedding)
    return embedding
