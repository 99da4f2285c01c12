"""A whole fine-tune in one file, to be read from top to bottom: no framework, every line of the idea in sight.

    python examples/whole_thing.py MODEL_FOLDER train.jsonl --validation valid.jsonl --method lora --output tuned

It does what one run of Tunewright does between reading rows and saving the result, in fp32 on one device, and
`tests/examples/test_whole_thing.py` holds it to that: given the same rows and settings, every training loss is the
engine's. It imports nothing from Tunewright. The engine adds what makes a run safe and honest: checked rows, bf16 with
fp32 master weights, checkpoints and exact resume, the best weights instead of the last, scores against the base.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F
from transformers import AutoModelForCausalLM, AutoTokenizer

EncodedRow = tuple[list[int], list[float]]  # token ids, and for each one the weight with which it is taught


# ── 1. Rows: {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}, one a line ──
def read_conversations(path: Path) -> list[list[dict[str, Any]]]:
    """Return the messages of every row."""
    # Not splitlines(): a JSON string may hold characters, such as U+2028, that it takes for the end of a line.
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line)["messages"] for line in lines if line.strip()]


# ── 2. Tokens and mask: only what the assistant says is taught; system prompt and questions are context ──
def encode(messages: list[dict[str, Any]], tokenizer: Any) -> EncodedRow:
    """Return the row as token ids, with weight 1 on the assistant's words and 0 elsewhere.

    Where the answers stand is found by rendering: what the chat template adds to the prompt that will be sent when the
    model is used (`add_generation_prompt`) once the answer is there too. No template needs to be known for that.
    """

    def render(turns: list[dict[str, Any]], *, asks: bool) -> str:
        return tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=asks)

    text = render(messages, asks=False)
    pieces: list[tuple[str, float]] = []
    position = 0
    for index, message in enumerate(messages):
        if message["role"] != "assistant" or message.get("weight", 1) == 0:
            continue
        prompt = render(messages[:index], asks=True)
        # The mark that ends the turn is taught, or the model would never stop. White space after the mark is not.
        answered = render(messages[: index + 1], asks=False).rstrip()
        if not (text.startswith(answered) and answered.startswith(prompt)):
            raise ValueError("this chat template rewrites earlier turns, so there is no telling what the answer is")
        pieces += [(text[position : len(prompt)], 0.0), (answered[len(prompt) :], 1.0)]
        position = len(answered)
    pieces.append((text[position:], 0.0))
    ids: list[int] = []
    weights: list[float] = []
    for piece, weight in pieces:
        # Piece by piece, because a server encodes the prompt alone: joined to the answer, its last token may differ.
        # (Tokenizers in the manner of SentencePiece put a space before every piece; the engine handles those too.)
        piece_ids = tokenizer.encode(piece, add_special_tokens=False)
        ids += piece_ids
        weights += [weight] * len(piece_ids)
    return ids, weights


# ── 3. Batches: rows side by side, filled up on the right ──
def collate(rows: Sequence[EncodedRow], pad_id: int, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token ids and weights, both [rows, longest row]; the filling has weight 0."""
    longest = max(len(ids) for ids, _ in rows)
    tokens = torch.tensor([ids + [pad_id] * (longest - len(ids)) for ids, _ in rows], device=device)
    weights = torch.tensor([row + [0.0] * (longest - len(row)) for _, row in rows], device=device)
    return tokens, weights


def order_of(epoch: int, num_rows: int, seed: int) -> np.ndarray:
    """Return the order in which an epoch visits the rows: a function of seed and epoch alone, so it can be repeated."""
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch])))
    return generator.permutation(num_rows)


# ── 4. The loss: how surprised the model is by each taught token, given the tokens before it ──
def loss_sum(model: Any, tokens: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return the sum over taught tokens of -log p(token), in nats."""
    # No attention mask: attention looks only to the left, and all filling stands on the right.
    logits = model(input_ids=tokens, use_cache=False).logits.float()
    # Position t predicts token t + 1: drop the last prediction and the first token.
    surprise = F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    return (surprise * weights[:, 1:].flatten()).sum()


def num_taught(rows: Sequence[EncodedRow]) -> float:
    """Return the number by which a sum of losses is divided; a row's first token has nothing to be predicted from."""
    return sum(sum(weights[1:]) for _, weights in rows)


@torch.no_grad()
def validation_loss(model: Any, rows: Sequence[EncodedRow], pad_id: int, options: argparse.Namespace) -> float:
    """Return the mean loss per taught token of rows that are never trained on, without dropout."""
    model.eval()
    size = options.micro_batch
    parts = [rows[start : start + size] for start in range(0, len(rows), size)]
    return sum(float(loss_sum(model, *collate(part, pad_id, options.device))) for part in parts) / num_taught(rows)


# ── 5. What learns: every weight, or small adapters beside the frozen ones ──
def make_trainable(model: Any, options: argparse.Namespace) -> Any:
    """Return the model with the weights that learn marked by `requires_grad`."""
    if options.method == "full":
        return model.requires_grad_(True)
    from peft import LoraConfig, get_peft_model  # only LoRA needs the package

    # W x becomes W x + (alpha / rank) · B A x. A is random and B zero, so training starts exactly at the base model.
    config = LoraConfig(r=options.rank, lora_alpha=2 * options.rank, target_modules="all-linear", task_type="CAUSAL_LM")
    torch.manual_seed(options.seed)  # right before A is drawn: the same seed, the same run
    return get_peft_model(model, config, autocast_adapter_dtype=False)


# ── 6. The loop ──
def rate_at(step: int, num_steps: int, options: argparse.Namespace) -> float:
    """Return the learning rate: up in a line, because Adam's averages start empty, then down along half a cosine."""
    num_warmup = math.ceil(options.warmup * num_steps)
    if step < num_warmup:
        return options.learning_rate * (step + 1) / (num_warmup + 1)
    progress = (step - num_warmup) / max(1, num_steps - num_warmup)
    return options.learning_rate * (1 + math.cos(math.pi * progress)) / 2


def train(model: Any, rows: list[EncodedRow], held_out: list[EncodedRow], pad_id: int, options: argparse.Namespace):
    """Train in place and yield one log line per step."""
    learning = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(learning, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.0, fused=True)
    steps_per_epoch = math.ceil(len(rows) / options.batch_size)
    num_steps = options.max_steps or options.epochs * steps_per_epoch
    for step in range(num_steps):
        epoch, position = divmod(step, steps_per_epoch)
        start = position * options.batch_size
        order = order_of(epoch, len(rows), options.seed)
        batch = [rows[index] for index in order[start : start + options.batch_size]]
        model.train()
        # Accumulation: a few rows at a time fit in memory, and their gradients add up. Dividing each part by the taught
        # tokens of the whole batch, not of the part, gives the gradient that the whole batch would have given.
        total, taught = 0.0, num_taught(batch)
        for first in range(0, len(batch), options.micro_batch):
            part = collate(batch[first : first + options.micro_batch], pad_id, options.device)
            loss = loss_sum(model, *part) / taught
            loss.backward()
            total += float(loss.detach())
        # One odd batch must not throw the model far: a gradient longer than 1 is scaled down to 1.
        norm = torch.nn.utils.clip_grad_norm_(learning, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, num_steps, options)
        optimizer.step()
        optimizer.zero_grad()
        line = {"step": step + 1, "train_loss": total, "grad_norm": float(norm)}
        if held_out and ((step + 1) % options.eval_steps == 0 or step + 1 == num_steps):
            line["valid_loss"] = validation_loss(model, held_out, pad_id, options)
        yield line


def main(arguments: Sequence[str] | None = None) -> list[dict[str, float]]:
    """Fine-tune as the command line says, save the result and return the log."""
    parser = argparse.ArgumentParser(description="A whole fine-tune in one file.")
    parser.add_argument("model", type=Path, help="folder with a transformers checkpoint")
    parser.add_argument("train", type=Path, help="chat rows, JSON Lines")
    parser.add_argument("--validation", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--method", choices=("lora", "full"), default="lora")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    numbers = {"rank": 16, "epochs": 3, "max-steps": 0, "batch-size": 16, "micro-batch": 8, "eval-steps": 50, "seed": 0}
    for name, default in (*numbers.items(), ("learning-rate", 5e-4), ("warmup", 0.05)):
        parser.add_argument(f"--{name}", type=type(default), default=default)
    options = parser.parse_args(arguments)

    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model: Any = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).to(options.device)
    pad_id = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    rows = [encode(messages, tokenizer) for messages in read_conversations(options.train)]
    unseen = read_conversations(options.validation) if options.validation else []
    held_out = [encode(messages, tokenizer) for messages in unseen]
    log: list[dict[str, float]] = []
    model = make_trainable(model, options)
    for line in train(model, rows, held_out, pad_id, options):
        print("  ".join(f"{name} {value:.6g}" for name, value in line.items()), flush=True)
        log.append(line)
    model.save_pretrained(options.output)  # the adapter, or the whole model
    tokenizer.save_pretrained(options.output)  # with its chat template: a model is of use only with its prompt format
    return log


if __name__ == "__main__":
    main()
