"""The model of the benchmark: a random Llama of about 42 M weights with a tokenizer, made on the spot.

Also counts its work, as the issue of the training core does: 4 · N operations per computed token for an adapter (a
product forward, one backward to the activations), 6 · N for full tuning; N are the weights in matrix products of the
layers (adapters left out), and those of the output head for taught tokens only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

ADAPTER_OPERATIONS = 4


@dataclass(frozen=True)
class Shape:
    """Sizes of a Llama with tied embeddings."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int

    @property
    def layer_weights(self) -> int:
        """Weights in the matrix products of all layers."""
        return self.layers * (4 * self.hidden**2 + 3 * self.hidden * self.intermediate)

    @property
    def num_weights(self) -> int:
        """All weights, norms left out."""
        return self.layer_weights + self.hidden * self.vocabulary

    def operations(self, computed_tokens: int, supervised_tokens: int) -> float:
        """Return the floating-point operations of forward and backward with adapters."""
        head = self.hidden * self.vocabulary
        return float(ADAPTER_OPERATIONS * (self.layer_weights * computed_tokens + head * supervised_tokens))


SHAPES = {
    "42M": Shape(hidden=512, layers=8, heads=8, intermediate=1408, vocabulary=32_000),
    "tiny": Shape(hidden=64, layers=2, heads=2, intermediate=176, vocabulary=512),
}


def write_model(folder: Path, shape: Shape, seed: int = 0) -> Path:
    """Write configuration, fp32 weights and tokenizer and return `folder`."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    specials: dict[str, Any] = {"pad_token": "<pad>", "bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>"}
    words = [*specials.values(), *(f"w{number}" for number in range(len(specials), shape.vocabulary))]
    inner = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=inner, model_max_length=1024, **specials).save_pretrained(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
