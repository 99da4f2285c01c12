"""How right `tunewright plan` is: ten jobs, each planned and then run in processes of their own, three times.

    python benchmarks/plan.py                                # all of it, on a quiet machine: about 25 minutes
    python benchmarks/plan.py --runs 1 --only lora full      # a quick look at some

Memory is the peak of the process (VmHWM, Linux only), time that of the run from its first event on: what the plan says
without loading. Errors are of the medians: predicted / measured − 1. The floors: within 20 % for memory and 25 % for
time in 8 of 10. Prints a table and writes `benchmarks/results/plan.json`.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tunewright.runs.machine import read_hardware

EXAMPLE = Path(__file__).parents[1] / "examples" / "support"
RESULTS = Path(__file__).parent / "results" / "plan.json"
MEMORY_FLOOR, TIME_FLOOR, NUM_RIGHT = 0.20, 0.25, 8
_NUM_WORDS = 15_000
_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|> {{ message['content'] }} <|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_RUN = """
import re, sys
from tunewright.cli import main
code = main(sys.argv[1:])
status = open("/proc/self/status", encoding="ascii").read()
print(re.search(r"VmHWM:\\s+(\\d+)", status)[1], file=sys.stderr)
raise SystemExit(code)
"""


@dataclass(frozen=True)
class Case:
    """One configuration: a model, rows and settings on top."""

    name: str
    model: str
    rows: str
    settings: tuple[str, ...]


_SHORT = ("evaluate.max_rows=16", "evaluate.max_new_tokens=24", "data.validation_split=0.1")
CASES = (
    Case("lora", "starter", "support", ("method.kind=lora", "train.max_steps=60")),
    Case("full", "starter", "support", ("method.kind=full", "train.max_steps=60")),
    Case("dora", "starter", "support", ("method.kind=dora", "train.max_steps=30")),
    Case("qlora", "starter", "support", ("method.kind=qlora", "train.max_steps=16")),
    Case("full, 8-bit", "llama", "plain", ("method.kind=full", "train.optimizer.kind=adamw_8bit", "train.max_steps=8")),
    Case("lora 24M", "llama", "plain", ("method.kind=lora", "train.max_steps=16")),
    Case("lora last:2", "llama", "plain", ("method.kind=lora", "method.layers=last:2", "train.max_steps=20")),
    Case(
        "checkpointing",
        "llama",
        "plain",
        ("method.kind=lora", "train.hardware.activation_checkpointing=true", "train.max_steps=12"),
    ),
    Case("shared prompt", "llama", "shared", ("method.kind=lora", "train.max_steps=20")),
    Case("long rows", "llama", "long", ("method.kind=lora", "train.max_steps=6", "train.batch_size=8")),
)


def write_llama(folder: Path) -> Path:
    """Write a random Llama of 24 M weights with a made-up vocabulary of one word a token, and return `folder`."""
    special = ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    words = [*special, *(f"w{number}" for number in range(_NUM_WORDS))]
    inner = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<|pad|>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner.decoder = decoders.Fuse()
    inner.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in special])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|end|>", pad_token="<|pad|>")
    tokenizer.chat_template = _TEMPLATE
    config = LlamaConfig(
        vocab_size=-(-len(words) // 64) * 64,
        hidden_size=512,
        intermediate_size=1408,
        num_hidden_layers=6,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_rows(folder: Path, kind: str) -> Path:
    """Write made-up conversations: `plain`, behind one `shared` prompt of 200 words, or `long` ones."""
    chance = random.Random(0)

    def words(count: int) -> str:
        return " ".join(f"w{chance.randrange(_NUM_WORDS)}" for _ in range(count))

    system = [{"role": "system", "content": words(200)}] if kind == "shared" else []
    least, most = (300, 900) if kind == "long" else (20, 120)
    path = folder / f"{kind}.jsonl"
    with path.open("w", encoding="utf-8", newline="") as file:
        for _ in range(320 if kind != "long" else 80):
            question = {"role": "user", "content": words(chance.randint(least, most))}
            answer = {"role": "assistant", "content": words(chance.randint(10, 60))}
            file.write(json.dumps({"messages": [*system, question, answer]}) + "\n")
    return path


def write_recipe(case: Case, scratch: Path) -> Path:
    """Write the recipe of `case` and return its path."""
    data: dict[str, Any] = {"train": str(scratch / f"{case.rows}.jsonl")}
    if case.rows == "support":
        data = {"train": str(EXAMPLE / "train.jsonl"), "test": str(EXAMPLE / "heldout.jsonl")}
    source = "starter" if case.model == "starter" else str(scratch / "llama")
    path = scratch / "recipe.yaml"
    path.write_text(yaml.safe_dump({"model": {"source": source}, "data": data}), encoding="utf-8")
    return path


def measure(case: Case, scratch: Path) -> dict[str, Any]:
    """Plan the case and run it, each in a process of its own, and return what was said and what was so."""
    recipe, output = write_recipe(case, scratch), scratch / "run"
    settings = [word for setting in (*_SHORT, *case.settings) for word in ("--set", setting)]
    asked = [str(recipe), *settings, "--output", str(output), "--json"]
    plan = json.loads(_call(["plan", *asked])[0].splitlines()[-1])
    printed, said = _call(["run", *asked])
    events = [json.loads(line) for line in printed.splitlines()]
    finished = next(event for event in events if event.get("type") == "run_finished")
    steps = [event for event in events if event.get("type") == "metrics"]
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    shutil.rmtree(output)
    peak = int(re.findall(r"^(\d+)$", said, re.MULTILINE)[-1]) * 1024
    return {
        "predicted": {
            "memory_mb": round(plan["memory"]["total"] / 1e6, 1),
            "seconds": round(plan["seconds"]["total"] - plan["seconds"]["loading"], 2),
            "disk_mb": round(plan["disk"]["peak"] / 1e6, 1),
            "parts": {name: round(value, 2) for name, value in plan["seconds"].items()},
            "memory": {name: round(value / 1e6, 1) for name, value in plan["memory"].items()},
            "probe_seconds": round(plan["probe_seconds"], 1),
        },
        "measured": {
            "memory_mb": round(peak / 1e6, 1),
            "seconds": round(finished["seconds"], 2),
            "disk_mb": round(size / 1e6, 1),
            "training_and_validation": round(steps[-1]["seconds"], 2),
            "scored": [round(event["seconds"], 2) for event in events if event.get("type") == "scored"],
        },
    }


def summarise(case: Case, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians of both, and how far the first is from the second."""
    result: dict[str, Any] = {"name": case.name, "settings": [*case.settings], "rows": case.rows, "model": case.model}
    for key in ("memory_mb", "seconds"):
        said, was = (statistics.median(run[side][key] for run in runs) for side in ("predicted", "measured"))
        result[key] = {"predicted": said, "measured": was, "error": round(said / was - 1, 3)}
    return {**result, "runs": runs}


def _call(arguments: list[str]) -> tuple[str, str]:
    done = subprocess.run([sys.executable, "-c", _RUN, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stderr[-2000:]}")
    return done.stdout, done.stderr


def main() -> None:
    """Parse the command line, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="*", metavar="NAME", help="cases whose name begins so")
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args()
    cases = [case for case in CASES if not given.only or any(case.name.startswith(name) for name in given.only)]
    scratch = Path(tempfile.mkdtemp())
    found = []
    try:
        write_llama(scratch / "llama")
        for kind in ("plain", "shared", "long"):
            write_rows(scratch, kind)
        print(f"{'':14} {'memory, MB':>22} {'error':>7} {'seconds':>17} {'error':>7}", flush=True)
        for case in cases:
            one = summarise(case, [measure(case, scratch) for _ in range(given.runs)])
            found.append(one)
            memory, seconds = one["memory_mb"], one["seconds"]
            print(
                f"{case.name:14} {memory['predicted']:>10,.0f} {memory['measured']:>11,.0f} {memory['error']:>+7.1%} "
                f"{seconds['predicted']:>8.1f} {seconds['measured']:>8.1f} {seconds['error']:>+7.1%}",
                flush=True,
            )
    finally:
        shutil.rmtree(scratch)
    right = {
        "memory": sum(abs(one["memory_mb"]["error"]) <= MEMORY_FLOOR for one in found),
        "time": sum(abs(one["seconds"]["error"]) <= TIME_FLOOR for one in found),
        "of": len(found),
    }
    tree = {"machine": read_hardware().model_dump(mode="json"), "right": right, "cases": found}
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(tree, indent=2) + "\n", encoding="utf-8")
    print(
        f"right: memory {right['memory']}, time {right['time']} of {right['of']} (floor: {NUM_RIGHT} of {len(CASES)})"
    )
    print(f"written to {given.output}")


if __name__ == "__main__":
    main()
