"""Logits of chosen positions only: never a block of [batch, length, vocabulary].

B rows, T tokens in the longest row, N chosen positions, D hidden size, V vocabulary.
"""

from __future__ import annotations

import torch
from transformers import PreTrainedModel

# Configuration keys by which an architecture changes its logits after the output matrix: such models go through their
# own forward, whole, and the chosen positions are picked afterwards.
_LOGIT_CHANGES = ("final_logit_softcapping", "logit_scale", "logits_scaling", "lm_head_multiplier", "dim_model_base")


def chosen_logits(model: PreTrainedModel, tokens_BT: torch.Tensor, query_N: torch.Tensor) -> torch.Tensor:
    """Return logits_NV in fp32 at the flat positions `query_N` (index b · T + t) of right-padded rows.

    No attention mask is passed: the attention is causal, so padding on the right is never seen by a real token.
    """
    head = model.get_output_embeddings()
    decoder = model.get_decoder()
    if decoder is None or decoder is model or not isinstance(head, torch.nn.Module) or _changes_logits(model):
        logits_BTV = model(input_ids=tokens_BT, use_cache=False).logits
        return logits_BTV.flatten(0, 1).index_select(0, query_N).float()
    hidden_BTD = decoder(input_ids=tokens_BT, use_cache=False).last_hidden_state
    # index_select, not fancy indexing: its backward adds in a fixed order, so runs are repeatable to the bit.
    return head(hidden_BTD.flatten(0, 1).index_select(0, query_N)).float()


def _changes_logits(model: PreTrainedModel) -> bool:
    config = model.config.get_text_config()
    return any(getattr(config, name, None) not in (None, 1.0, 1) for name in _LOGIT_CHANGES)
