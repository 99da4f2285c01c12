"""Pretrain the starter model from scratch on generated text: resumable, on whatever device is at hand.

    python -m starter.pretrain --folder build/starter --tokens 14.5e6

bf16 weights compute, fp32 masters learn: matrices by Muon (Jordan et al. 2024), embeddings and norms by AdamW. The
learning rate warms up, stays, and falls to zero over the last part (WSD, arXiv 2404.06395), so a run can be ended
early by resuming it with a smaller `--tokens`. Batches hold whole documents of like length: nothing is cut and none
sees another.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from starter.corpus.mixture import documents_of, held_out_documents
from starter.tokens import BEGIN, CONTEXT_TOKENS, END, PAD, VOCABULARY_SIZE, batches, encode, train_tokenizer

DOCUMENTS_PER_SHARD = 8000
MUON_LEARNING_RATE = 0.004
ADAMW_LEARNING_RATE = 0.003
WARMUP_SHARE, DECAY_SHARE = 0.02, 0.4
CONTEXT_SHARE = 0.2
TOKENS_AT_ONCE = 4096  # on a CPU: larger blocks leave the cache (8,192 tokens at once measured 10-25 % slower)


def starter_config() -> LlamaConfig:
    """Return the shape: 4.7 M parameters; heads of 64 because the CPU multiplies those fastest."""
    config = LlamaConfig(
        vocab_size=VOCABULARY_SIZE,
        hidden_size=256,
        intermediate_size=704,
        num_hidden_layers=5,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT_TOKENS,
        tie_word_embeddings=True,
        bos_token_id=BEGIN,
        eos_token_id=END,
        pad_token_id=PAD,
    )
    # Plain batched products: on CPUs faster here than the fused kernel, forward and backward together.
    config._attn_implementation = "eager"
    return config


@dataclass
class Learner:
    """The model in bf16, its fp32 masters, and their two optimisers."""

    model: LlamaForCausalLM
    masters: list[torch.Tensor] = field(init=False)
    optimizers: list[torch.optim.Optimizer] = field(init=False)

    def __post_init__(self) -> None:
        self.masters = [parameter.detach().float().clone() for parameter in self.model.parameters()]
        names = [name for name, _ in self.model.named_parameters()]
        is_matrix = [m.ndim == 2 and "embed" not in name for m, name in zip(self.masters, names, strict=True)]
        matrices = [m for m, yes in zip(self.masters, is_matrix, strict=True) if yes]
        others = [m for m, yes in zip(self.masters, is_matrix, strict=True) if not yes]
        muon = torch.optim.Muon(matrices, lr=MUON_LEARNING_RATE, weight_decay=0.05, adjust_lr_fn="match_rms_adamw")
        adamw = torch.optim.AdamW(others, lr=ADAMW_LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
        self.optimizers = [muon, adamw]

    def step(self, share_done: float) -> float:
        """Apply the gradients at the learning rate of `share_done`; returns the gradient norm before clipping."""
        for master, parameter in zip(self.masters, self.model.parameters(), strict=True):
            master.grad = parameter.grad.float() if parameter.grad is not None else None
            parameter.grad = None
        norm = torch.nn.utils.clip_grad_norm_(self.masters, 1.0)
        scale = learning_rate_scale(share_done)
        for optimizer, peak in zip(self.optimizers, (MUON_LEARNING_RATE, ADAMW_LEARNING_RATE), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * scale
            optimizer.step()
        with torch.no_grad():
            for master, parameter in zip(self.masters, self.model.parameters(), strict=True):
                parameter.copy_(master)
        return float(norm)

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs of the learner."""
        return {"masters": self.masters, "optimizers": [optimizer.state_dict() for optimizer in self.optimizers]}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up the state of a former run."""
        with torch.no_grad():
            for mine, theirs, parameter in zip(self.masters, state["masters"], self.model.parameters(), strict=True):
                mine.copy_(theirs)
                parameter.copy_(theirs)
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)


def learning_rate_scale(share_done: float) -> float:
    """Return the multiple of the peak rate after `share_done` of the tokens: up, level, then down to zero."""
    if share_done < WARMUP_SHARE:
        return max(0.01, share_done / WARMUP_SHARE)
    return min(1.0, max(0.0, (1 - share_done) / DECAY_SHARE))


def loss_of(model: LlamaForCausalLM, tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy of the marked tokens; logits are computed for those only."""
    hidden = model.model(tokens, use_cache=False).last_hidden_state
    at = targets.flatten().nonzero().squeeze(1)
    logits = model.lm_head(hidden.flatten(0, 1)[at - 1])
    return F.cross_entropy(logits.float(), tokens.flatten()[at])


def training_batches(
    tokenizer: PreTrainedTokenizerFast, tokens_per_batch: int, skip: tuple[int, int]
) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    """Yield (shard, position, tokens, targets) from after `skip` on; a shard is a seed of its own."""
    shard, first = skip
    while True:
        rows = encode(islice(documents_of(shard + 1), DOCUMENTS_PER_SHARD), tokenizer)
        rng = np.random.default_rng([7, shard])
        for position, (tokens, targets) in enumerate(batches(rows, tokens_per_batch, CONTEXT_SHARE, rng)):
            if position >= first:
                yield shard, position, tokens, targets
        shard, first = shard + 1, 0


@torch.no_grad()
def validation_loss(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, num_documents: int) -> float:
    """Return nats per answer token on prompts that are never trained on."""
    rows = encode(islice(held_out_documents(0), num_documents), tokenizer)
    total, count = 0.0, 0
    for tokens, targets in batches(rows, 16_384, 0.0, np.random.default_rng(0)):
        at = torch.from_numpy(targets).to(model.device)
        total += float(loss_of(model, torch.from_numpy(tokens).to(model.device), at)) * int(targets.sum())
        count += int(targets.sum())
    return total / count


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """Return the tokenizer of the folder, trained first where it is missing."""
    if not (folder / "tokenizer" / "tokenizer.json").exists():
        train_tokenizer().save_pretrained(folder / "tokenizer")
    return AutoTokenizer.from_pretrained(folder / "tokenizer")


@dataclass
class Pretraining:
    """One run of the loop; `progress` is where it stands."""

    folder: Path
    tokenizer: PreTrainedTokenizerFast
    learner: Learner
    progress: dict[str, Any]

    def run(self, num_tokens: float, tokens_per_batch: int) -> None:
        """Step until `num_tokens` are seen: a log line every 20 steps, a validation and a saved state every 200."""
        skip = (self.progress["shard"], self.progress["position"] + 1)
        stream = training_batches(self.tokenizer, tokens_per_batch, skip)
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            while self.progress["tokens"] < num_tokens:
                line = self._step(next(stream), num_tokens)
                is_last = self.progress["tokens"] >= num_tokens
                if self.progress["step"] % 200 == 0 or is_last:
                    line["valid_loss"] = validation_loss(self.learner.model, self.tokenizer, 2000 if is_last else 400)
                    line["valid_perplexity"] = math.exp(line["valid_loss"])
                    self._save()
                if self.progress["step"] % 20 == 0 or is_last:
                    log.write(json.dumps({k: round(v, 4) for k, v in line.items()}) + "\n")
                    log.flush()

    def _step(self, batch: tuple[int, int, np.ndarray, np.ndarray], num_tokens: float) -> dict[str, float]:
        started = time.perf_counter()
        shard, position, tokens, targets = batch
        loss = self._backward(tokens, targets)
        norm = self.learner.step(self.progress["tokens"] / num_tokens)
        self.progress["tokens"] += int((tokens != PAD).sum())
        self.progress["step"] += 1
        self.progress.update(shard=shard, position=position)
        self.progress["seconds"] += time.perf_counter() - started
        rate = self.progress["tokens"] / self.progress["seconds"]
        return {**self.progress, "loss": loss, "grad_norm": norm, "tokens_per_second": rate}

    def _backward(self, tokens: np.ndarray, targets: np.ndarray) -> float:
        """Add the gradients of the batch's mean loss, a few rows at a time, and return that loss."""
        device, model = self.learner.model.device, self.learner.model
        num_parts = -(-tokens.size // TOKENS_AT_ONCE) if device.type == "cpu" else 1
        total = 0.0
        for part, mask in zip(np.array_split(tokens, num_parts), np.array_split(targets, num_parts), strict=True):
            if not mask.any():
                continue
            share = float(mask.sum() / targets.sum())
            loss = loss_of(model, torch.from_numpy(part).to(device), torch.from_numpy(mask).to(device)) * share
            loss.backward()
            total += float(loss.detach())
        return total

    def _save(self) -> None:
        """Write the state so that a crash leaves the former one whole."""
        temporary = self.folder / "state.pt.tmp"
        torch.save({"learner": self.learner.state(), "progress": self.progress}, temporary)
        os.replace(temporary, self.folder / "state.pt")


def pretrain(folder: Path, num_tokens: float, tokens_per_batch: int, device: str) -> None:
    """Train until `num_tokens` are seen, going on from the folder's state; log to `log.jsonl`, end with `model/`."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = load_tokenizer(folder)
    torch.manual_seed(0)
    model = LlamaForCausalLM(starter_config()).bfloat16()
    torch.nn.Module.to(model, device)
    learner = Learner(model)
    progress: dict[str, Any] = {"step": 0, "tokens": 0, "shard": 0, "position": -1, "seconds": 0.0}
    if (folder / "state.pt").exists():
        saved = torch.load(folder / "state.pt", map_location=device, weights_only=True)
        learner.restore(saved["learner"])
        progress = saved["progress"]
    Pretraining(folder, tokenizer, learner, progress).run(num_tokens, tokens_per_batch)
    learner.model.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")


def main() -> None:
    """Parse the command line and pretrain."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("build/starter"))
    parser.add_argument("--tokens", type=float, default=14.5e6, help="training tokens to see in all")
    parser.add_argument("--tokens-per-batch", type=int, default=8192)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    pretrain(arguments.folder, arguments.tokens, arguments.tokens_per_batch, arguments.device)


if __name__ == "__main__":
    main()
