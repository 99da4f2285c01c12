"""Virtual tokens: an input embedding with some learnt rows behind the vocabulary's.

A prompt of n learnt vectors (arXiv 2104.08691) is n token ids, vocabulary … vocabulary + n − 1, that stand in front of
every row. Batches, trees, caches and positions then need to know nothing of it: the rows share a prefix like any other.
Deliberately does not know how the vectors begin or are saved, nor the output head, which never scores a virtual token.

B rows, T tokens a row, D width of the embedding.
"""

from __future__ import annotations

import torch
from torch import nn
from transformers import PreTrainedModel


class SoftPromptEmbedding(nn.Module):
    """Takes the place of a model's input embedding, which it keeps, as it is, as `base_embedding`.

    `prompt_embeddings` has the shape [num_tokens, D] and the base's precision. It is what the embedding *returns*:
    where an architecture scales its embeddings (Gemma), a virtual token is not scaled again. So does peft.
    """

    def __init__(self, base_embedding: nn.Embedding, num_tokens: int) -> None:
        super().__init__()
        self.base_embedding = base_embedding
        self.num_virtual_tokens = num_tokens
        self.prompt_embeddings = nn.Parameter(
            base_embedding.weight.new_zeros(num_tokens, base_embedding.embedding_dim), requires_grad=False
        )

    @property
    def num_embeddings(self) -> int:
        """Number of ids that can be looked up, the virtual ones included."""
        return self.base_embedding.num_embeddings + self.num_virtual_tokens

    @property
    def embedding_dim(self) -> int:
        """Width of an embedding."""
        return self.base_embedding.embedding_dim

    def forward(self, ids_BT: torch.Tensor) -> torch.Tensor:
        """Return embeddings_BTD of `ids_BT`, each below `num_embeddings`."""
        first = self.base_embedding.num_embeddings
        real_BTD = self.base_embedding(ids_BT.clamp(max=first - 1))
        # F.embedding, not fancy indexing: its backward adds in a fixed order, so runs are repeatable to the bit.
        virtual_BTD = nn.functional.embedding((ids_BT - first).clamp(min=0), self.prompt_embeddings)
        return torch.where((ids_BT >= first).unsqueeze(-1), virtual_BTD, real_BTD)


def prefix_ids(model: PreTrainedModel) -> tuple[int, ...]:
    """Return the ids of the virtual tokens that belong in front of every row; none without a soft prompt."""
    embedding = model.get_input_embeddings()
    if not isinstance(embedding, SoftPromptEmbedding):
        return ()
    return tuple(range(embedding.base_embedding.num_embeddings, embedding.num_embeddings))
