"""Does bf16 learn what fp32 learns? Full fine-tuning of the starter on the support example, in four precisions.

    python benchmarks/optimizers.py

    fp32        weights and products in fp32
    masters     products in bf16, the optimiser moves fp32 copies, which the model gets dithered, as in a real run
    stochastic  products in bf16, bf16 weights moved in fp32 and rounded at random
    plain       products in bf16, the optimiser moves bf16 weights directly: what the two above are there to avoid

The same rows in the same order for every arm of a seed; the loss is that of the delivered weights, computed in fp32, on
held-out rows; of fp32 masters also before they are rounded. Bytes per weight are counted from the tensors that live
between two steps, without gradients. Prints a table and writes `benchmarks/results/optimizers.json`, a record for each
learning rate: the larger the steps, the less bf16's spacing matters.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from tunewright.data.encode import EncodedRow
from tunewright.jobs.prepare import Prepared, prepare
from tunewright.models.hardware import cpu_flags
from tunewright.runs.recorder import Silent
from tunewright.spec.recipe import build_recipe
from tunewright.spec.train import OptimizerSpec, ScheduleSpec
from tunewright.train.masters import MasterWeights
from tunewright.train.optimizer import make_optimizer, set_learning_rate
from tunewright.train.schedule import learning_rate_scale

EXAMPLE = Path(__file__).parents[1] / "examples" / "support"
RESULTS = Path(__file__).parent / "results" / "optimizers.json"
BATCH_ROWS, NUM_HELD_OUT = 4, 96


@dataclass(frozen=True)
class Arm:
    """One way to move the weights; `spec` is None for plain bf16."""

    name: str
    dtype: torch.dtype
    spec: OptimizerSpec | None


class PlainBf16(MasterWeights):
    """No masters and no rounding: gradients stay where they are and AdamW moves bf16 weights."""

    def collect_gradients(self) -> None:
        """Leave the gradients where AdamW looks for them."""

    def publish(self) -> None:
        """Do nothing: the weights are the model's own."""


def arms(kinds: Sequence[str]) -> Iterator[Arm]:
    """Yield the four precisions of AdamW, and the other optimisers with fp32 masters and with stochastic rounding."""
    yield Arm("fp32", torch.float32, OptimizerSpec())
    yield Arm("masters", torch.bfloat16, OptimizerSpec())
    yield Arm("stochastic", torch.bfloat16, OptimizerSpec(rounding="stochastic"))
    yield Arm("plain", torch.bfloat16, None)
    for kind in kinds:
        for rounding in ("masters", "stochastic"):
            spec = OptimizerSpec.model_validate({"kind": kind, "rounding": rounding})
            yield Arm(f"{kind}, {rounding}", torch.bfloat16, spec)


def train(prepared: Prepared, arm: Arm, plan: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Return the bytes per weight and the milliseconds per step of one run, and its model."""
    rows = prepared.tokens.train
    model = copy.deepcopy(prepared.model).train().requires_grad_(True)
    for weight in model.parameters():
        # Weights only, as a loader does it: rotary frequencies stay fp32.
        weight.data = weight.data.to(arm.dtype)
    masters, optimizer = _moved(model, arm, plan.rate, seed)
    order = np.random.default_rng(seed)
    seconds: list[float] = []
    for step in range(plan.steps):
        chosen = [rows[index] for index in order.choice(len(rows), BATCH_ROWS, replace=False)]
        started = time.perf_counter()
        set_learning_rate(optimizer, plan.rate * learning_rate_scale(ScheduleSpec(), step, plan.steps))
        loss_sum(model, chosen).div(sum(row.num_supervised for row in chosen)).backward()
        masters.collect_gradients()
        masters.clip_gradients(1.0)
        optimizer.step()
        masters.clear_gradients()
        masters.publish()
        seconds.append(time.perf_counter() - started)
    size = _num_bytes(masters, optimizer, model) / sum(weight.numel() for weight in model.parameters())
    has_masters = arm.spec is not None and arm.spec.rounding == "masters" and arm.dtype != torch.float32
    unrounded = masters.tensors if has_masters else {}
    return {
        "model": model,
        "unrounded": unrounded,
        "bytes_per_weight": round(size, 1),
        "ms_per_step": round(statistics.median(seconds) * 1e3),
    }


def loss_sum(model: PreTrainedModel, rows: Sequence[EncodedRow]) -> torch.Tensor:
    """Return the summed loss of the taught tokens, rows side by side with padding on the right."""
    length = max(row.num_tokens for row in rows)
    tokens_BT = torch.zeros(len(rows), length, dtype=torch.long)
    targets_BT = torch.full((len(rows), length), -100)
    mask_BT = torch.zeros(len(rows), length, dtype=torch.long)
    for number, row in enumerate(rows):
        ids = torch.from_numpy(row.ids.astype(np.int64))
        tokens_BT[number, : len(ids)], mask_BT[number, : len(ids)] = ids, 1
        targets_BT[number, : len(ids)] = torch.where(torch.from_numpy(row.weights) > 0, ids, -100)
    logits_BTV = model(input_ids=tokens_BT, attention_mask=mask_BT, use_cache=False).logits[:, :-1]
    is_taught_BT = targets_BT[:, 1:] >= 0
    return torch.nn.functional.cross_entropy(
        logits_BTV[is_taught_BT].float(), targets_BT[:, 1:][is_taught_BT], reduction="sum"
    )


@torch.no_grad()
def held_out_loss(model: PreTrainedModel, rows: Sequence[EncodedRow]) -> float:
    """Return the mean loss per taught token of the weights as delivered, computed in fp32."""
    model.eval()
    for weight in model.parameters():
        weight.data = weight.data.float()
    rows = sorted(rows, key=lambda row: row.num_tokens)
    parts = [rows[start : start + 16] for start in range(0, len(rows), 16)]
    return float(sum(loss_sum(model, part) for part in parts)) / sum(row.num_supervised for row in rows)


def main() -> None:
    """Measure every arm, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rate", type=float, default=6e-5)
    parser.add_argument("--kinds", nargs="*", default=[], help="adamw_8bit, muon: measured with the first seed only")
    parser.add_argument("--shared-machine", action="store_true", help="write that other work ran beside this")
    plan = parser.parse_args()
    prepared = _prepare()
    held_out = prepared.tokens.test[:NUM_HELD_OUT]
    base = held_out_loss(copy.deepcopy(prepared.model), held_out)
    print(f"base {base:.4f}; {plan.steps} steps of {BATCH_ROWS} rows at {plan.rate:.1e}")
    print(f"{'arm':24} {'held-out loss':>14} {'− fp32':>9} {'bytes/weight':>13} {'ms/step':>8}")
    table: list[dict[str, Any]] = []
    for number, arm in enumerate(arms(plan.kinds)):
        found = [train(prepared, arm, plan, seed) for seed in range(plan.seeds if number < 4 else 1)]
        table.append(_row(arm, found, held_out, table))
        line = "{arm:24} {loss:>14.4f} {minus_fp32:>+9.4f} {bytes_per_weight:>13} {ms_per_step:>8}"
        print(line.format(**table[-1]), flush=True)
    record = {
        "model": "starter",
        "num_weights": sum(weight.numel() for weight in prepared.model.parameters()),
        "steps": plan.steps,
        "batch_rows": BATCH_ROWS,
        "rate": plan.rate,
        "base_loss": base,
        "num_threads": torch.get_num_threads(),
        "cpu_flags": cpu_flags(),
        "machine_was_shared": plan.shared_machine,
        "arms": table,
    }
    others = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    records = sorted([record, *(each for each in others if each["rate"] != plan.rate)], key=lambda each: each["rate"])
    RESULTS.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8", newline="")


def _moved(model: PreTrainedModel, arm: Arm, rate: float, seed: int) -> tuple[MasterWeights, torch.optim.Optimizer]:
    if arm.spec is not None:
        masters = MasterWeights(model, arm.spec.rounding, dithers=True)
        return masters, make_optimizer(arm.spec, masters, rate, seed=seed)
    betas = (OptimizerSpec().beta1, OptimizerSpec().beta2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=betas, weight_decay=0.0, fused=True)
    return PlainBf16(model, "stochastic"), optimizer


def _row(arm: Arm, found: list[dict[str, Any]], held_out: Sequence[EncodedRow], table: list[dict[str, Any]]) -> Any:
    losses = [held_out_loss(each["model"], held_out) for each in found]
    exact = [_before_rounding(each, held_out) for each in found if each["unrounded"]]
    fp32 = table[0]["losses"] if table else losses
    return {
        "arm": arm.name,
        "loss": statistics.mean(losses),
        "minus_fp32": statistics.mean(mine - theirs for mine, theirs in zip(losses, fp32, strict=False)),
        "losses": losses,
        "loss_before_rounding": statistics.mean(exact) if exact else None,
        "bytes_per_weight": found[0]["bytes_per_weight"],
        "ms_per_step": min(each["ms_per_step"] for each in found),
    }


def _before_rounding(found: dict[str, Any], held_out: Sequence[EncodedRow]) -> float:
    for name, weight in found["model"].named_parameters():
        weight.data = found["unrounded"][name]
    return held_out_loss(found["model"], held_out)


def _prepare() -> Prepared:
    settings = {
        "data": {"train": str(EXAMPLE / "train.jsonl"), "test": str(EXAMPLE / "heldout.jsonl")},
        "method": {"kind": "full"},
        "train": {"hardware": {"device": "cpu", "precision": "fp32"}},
    }
    return prepare(build_recipe(settings), Silent())


def _num_bytes(masters: MasterWeights, optimizer: torch.optim.Optimizer, model: PreTrainedModel) -> int:
    """Return the bytes of all different tensors among weights, masters and optimiser state."""
    found: dict[int, torch.Tensor] = {}

    def visit(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            found[value.data_ptr()] = value
        elif isinstance(value, dict | list | tuple):
            for each in value.values() if isinstance(value, dict) else value:
                visit(each)

    visit([list(model.parameters()), list(masters.tensors.values()), optimizer.state_dict()])
    return sum(tensor.numel() * tensor.element_size() for tensor in found.values())


if __name__ == "__main__":
    main()
