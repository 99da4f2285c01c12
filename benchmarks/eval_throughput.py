"""Speed of evaluation beside plain transformers loops: same rows, same weights, in turns, in one run.

    python benchmarks/eval_throughput.py                                    # all of it, on a quiet machine
    python benchmarks/eval_throughput.py --rounds 1 --rows 32 --only exact  # a quick look at one part
    python benchmarks/eval_throughput.py --tiny --output tiny.json          # does it run at all?

`fewshot`: 8 fixed shots of 400 tokens together, a question of 15 to 35, 12 new tokens, no stops; ours beside `generate`
with left padding at its best batch size, in fp32 (its default) and in bf16. `perplexity`: answers of rows of about 125
tokens; ours beside a padded loop in fp32 at batch 8 and at its best setting. `exact`: 500 rows of examples/support
answered by the starter and graded, from loading to scores. Medians over the rounds; settings are looked for once.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from train_arms.shape import SHAPES, write_model
from train_rows import TokenRow, make_rows, num_tokens
from transformers import AutoModelForCausalLM, PreTrainedModel

from tunewright.data.encode import EncodedRow, encode_prompt
from tunewright.data.rows import TextRow
from tunewright.evaluate.loss import score_rows
from tunewright.graders.grade import Item, Output
from tunewright.graders.make import make_graders, named_grader
from tunewright.infer.engine import Sampling
from tunewright.infer.shared import SharedEngine
from tunewright.models.forward import ForestModel
from tunewright.models.hardware import bound_kernel_caches, choose_hardware
from tunewright.models.layout import choose_layout
from tunewright.models.load import load_model
from tunewright.models.source import ModelSource, find_model
from tunewright.models.tokenizer import load_tokenizer
from tunewright.objectives.causal_lm import CausalLm
from tunewright.runs.machine import read_hardware
from tunewright.spec.evaluate import EvaluateSpec
from tunewright.spec.model import ModelSpec
from tunewright.spec.objective import CausalLmSpec
from tunewright.spec.train import HardwareSpec

RESULTS = Path(__file__).parent / "results" / "eval_throughput.json"
SUPPORT = Path(__file__).parent.parent / "examples" / "support" / "train.jsonl"
SHOT_TOKENS, NEW_TOKENS, QUESTION = 400, 12, (15, 36)
BATCHES, LOSS_BATCHES = (1, 4, 8, 16, 32), (1, 4, 8, 16)
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
FEWSHOT_FLOORS = {"fp32": 5.0, "bf16": 4.0}
DEFAULT_FLOOR, BEST_FLOOR, PERPLEXITY_FLOOR = 3.0, 1.3, 0.01
EXACT_ROWS, EXACT_FLOOR_S = 500, 60.0

Arms = dict[str, Callable[[], Any]]


def measure(arms: Arms, rounds: int) -> tuple[dict[str, float], dict[str, Any]]:
    """Return each arm's median seconds and its latest answer; the arms take turns, and each warms up once."""
    answers = {name: arm() for name, arm in arms.items()}
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(rounds):
        for name, arm in arms.items():
            started = time.perf_counter()
            answers[name] = arm()
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(each) for name, each in seconds.items()}, answers


def fastest(settings: dict[str, Callable[[], Any]]) -> str:
    """Return the name of the setting that takes least time, each run once after a first one that warms up."""
    found: dict[str, float] = {}
    next(iter(settings.values()))()
    for name, run in settings.items():
        started = time.perf_counter()
        run()
        found[name] = time.perf_counter() - started
        print(f"  looking for the best setting: {name:22}{found[name]:8.2f} s", flush=True)
    return min(found, key=found.__getitem__)


# ── few-shot generation ──────────────────────────────────────────────────────────────────────────────────────────────


def few_shot(name: str, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Return the rates of both arms on one model, in rows per second, and how many rows they answer differently."""
    models = {dtype: _load(folder, dtype) for dtype in DTYPES}
    prompts = few_shot_prompts(given.rows, models["fp32"].config.vocab_size)
    print(f"few-shot, {name}: {len(prompts)} rows", flush=True)
    arms: Arms = {}
    batches: dict[str, int] = {}
    for dtype, model in models.items():
        some = prompts[: max(BATCHES)]
        settings = {f"{dtype}, batch {b}": _generating(model, some, b) for b in BATCHES}
        batches[dtype] = BATCHES[list(settings).index(fastest(settings))]
        arms[f"generate {dtype}"] = _generating(model, prompts, batches[dtype])
        arms[f"ours {dtype}"] = _sharing(model, folder, prompts)
    seconds, answers = measure(arms, given.rounds)
    rates = {arm: len(prompts) / each for arm, each in seconds.items()}
    ratios = {dtype: rates["ours bf16"] / rates[f"generate {dtype}"] for dtype in DTYPES}
    for arm, rate in rates.items():
        print(f"  {arm:16}{rate:>9.1f} rows/s", flush=True)
    for dtype, ratio in ratios.items():
        pairs = zip(answers[f"ours {dtype}"], answers[f"generate {dtype}"], strict=True)
        differing = sum(ours != theirs for ours, theirs in pairs)
        floor = FEWSHOT_FLOORS[dtype]
        print(f"  bf16 beside {dtype}: {ratio:.1f}× (floor {floor:g}×); {differing} rows differ in {dtype}")
        rates[f"differing {dtype}"] = differing
    return {"rows": len(prompts), "batches": batches, "rows_per_s": rates, "ratios": ratios}


def few_shot_prompts(count: int, vocabulary: int) -> list[list[int]]:
    """Return `count` prompts that begin with the same shots."""
    chance = np.random.default_rng(0)
    shots = chance.integers(4, vocabulary, SHOT_TOKENS).tolist()
    return [shots + chance.integers(4, vocabulary, int(chance.integers(*QUESTION))).tolist() for _ in range(count)]


def _generating(model: PreTrainedModel, prompts: Sequence[list[int]], batch: int) -> Callable[[], list[list[int]]]:
    def run() -> list[list[int]]:
        answers: list[list[int]] = []
        for start in range(0, len(prompts), batch):
            some = prompts[start : start + batch]
            longest = max(map(len, some))
            tokens = torch.tensor([[0] * (longest - len(each)) + each for each in some])
            mask = torch.tensor([[0] * (longest - len(each)) + [1] * len(each) for each in some])
            with torch.no_grad():
                out: Any = model.generate(  # pyright: ignore[reportCallIssue]
                    input_ids=tokens, attention_mask=mask, max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=0
                )
            answers += out[:, longest:].tolist()
        return answers

    return run


def _sharing(model: PreTrainedModel, folder: Path, prompts: Sequence[list[int]]) -> Callable[[], list[list[int]]]:
    tokenizer = load_tokenizer(ModelSource(str(folder), folder), ModelSpec(source=str(folder)))
    # Both arms always write all tokens.
    tokenizer.eos_ids = frozenset()
    engine = SharedEngine(model, tokenizer)

    def run() -> list[list[int]]:
        answers = engine.generate(prompts, Sampling(max_new_tokens=NEW_TOKENS))
        assert not engine.fallback, engine.fallback
        return [list(answer.ids) for answer in answers]

    return run


def _load(folder: Path, dtype: str) -> PreTrainedModel:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=DTYPES[dtype]).eval()
    model.generation_config.eos_token_id = None
    return model


# ── perplexity of references ─────────────────────────────────────────────────────────────────────────────────────────


def perplexity(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Return the rates of both arms in tokens per second, those of the rows as given, and the perplexities."""
    models = {dtype: _load(folder, dtype) for dtype in DTYPES}
    rows = make_rows("plain", given.rows, models["fp32"].config.vocab_size)
    print(f"perplexity: {len(rows)} rows, {num_tokens(rows)} tokens", flush=True)
    settings: Arms = {
        f"{dtype}, batch {batch}{', sorted' if is_sorted else ''}": _padding(models[dtype], rows, batch, is_sorted)
        for dtype, batch, is_sorted in product(DTYPES, LOSS_BATCHES, (False, True))
    }
    best = fastest(settings)
    arms = {"ours": _foresting(models["bf16"], rows), "fp32, batch 8": settings["fp32, batch 8"], best: settings[best]}
    seconds, answers = measure(arms, given.rounds)
    ratios = {"default": seconds["fp32, batch 8"] / seconds["ours"], "best": seconds[best] / seconds["ours"]}
    for arm, each in seconds.items():
        rate = num_tokens(rows) / each
        print(f"  {arm:24}{rate:>9,.0f} tokens/s   perplexity {answers[arm]:,.1f}", flush=True)
    distance = max(abs(answers["ours"] / each - 1) for each in answers.values())
    print(f"  {ratios['default']:.2f}× (floor {DEFAULT_FLOOR:g}×), best {ratios['best']:.2f}× (floor {BEST_FLOOR:g}×)")
    print(f"  perplexities differ by {distance:.3%} (at most {PERPLEXITY_FLOOR:.0%})", flush=True)
    return {
        "rows": len(rows), "tokens": num_tokens(rows), "best": best, "seconds": seconds, "perplexity": answers,
        "ratios": ratios, "distance": distance,
    }  # fmt: skip


def _padding(model: PreTrainedModel, rows: Sequence[TokenRow], batch: int, is_sorted: bool) -> Callable[[], float]:
    def run() -> float:
        order = sorted(rows, key=lambda row: len(row.ids)) if is_sorted else list(rows)
        loss_sum = count = 0.0
        for start in range(0, len(order), batch):
            some = order[start : start + batch]
            longest = max(len(row.ids) for row in some)
            tokens = torch.tensor([row.ids.tolist() + [0] * (longest - len(row.ids)) for row in some])
            labels = torch.tensor([row.labels + [-100] * (longest - len(row.ids)) for row in some])
            mask = torch.tensor([[1] * len(row.ids) + [0] * (longest - len(row.ids)) for row in some])
            taught = sum(row.num_taught for row in some)
            with torch.no_grad():
                loss_sum += float(model(input_ids=tokens, attention_mask=mask, labels=labels).loss) * taught
            count += taught
        return math.exp(loss_sum / count)

    return run


def _foresting(model: PreTrainedModel, rows: Sequence[TokenRow]) -> Callable[[], float]:
    encoded = [EncodedRow(row.ids, _weights(row), TextRow("", 0, "")) for row in rows]
    runner = ForestModel(model, choose_layout(model, "auto", max(len(row.ids) for row in rows)))
    objective, budget = CausalLm(CausalLmSpec()), HardwareSpec().micro_batch_tokens

    def run() -> float:
        _, losses = score_rows(runner, objective, encoded, budget)
        return math.exp(float(np.average(losses, weights=[row.num_taught for row in rows])))

    return run


def _weights(row: TokenRow) -> np.ndarray:
    weights = np.zeros(len(row.ids), dtype=np.float32)
    weights[len(row.ids) - row.num_taught :] = 1.0
    return weights


# ── exact match, from loading to scores ──────────────────────────────────────────────────────────────────────────────


def exact_match(num_rows: int) -> dict[str, Any]:
    """Return the seconds from loading the starter to the scores of `num_rows` rows, and what took them."""
    started = time.perf_counter()
    lines = SUPPORT.read_text(encoding="utf-8").splitlines()[:num_rows]
    conversations = [json.loads(line)["messages"] for line in lines]
    spec = ModelSpec()
    source = find_model(spec)
    tokenizer = load_tokenizer(source, spec)
    model = load_model(source, spec, choose_hardware(HardwareSpec(device="cpu")))
    loaded = time.perf_counter()
    engine = SharedEngine(model, tokenizer)
    prompts = [encode_prompt(messages[:-1], tokenizer) for messages in conversations]
    answers = engine.generate(prompts, Sampling(max_new_tokens=EvaluateSpec().max_new_tokens))
    answered = time.perf_counter()
    grader_spec = named_grader("exact_match", ())
    assert grader_spec is not None
    (grader,) = make_graders([grader_spec]).values()
    items = [Item(messages[-1]["content"]) for messages in conversations]
    grades = [grader(Output(answer.text, answer.has_ended), item) for answer, item in zip(answers, items, strict=True)]
    score = statistics.fmean(grade for grade in grades if isinstance(grade, float))
    total, tokens = time.perf_counter() - started, sum(len(answer.ids) for answer in answers)
    print(
        f"exact match: {len(prompts)} rows in {total:.1f} s (floor {EXACT_FLOOR_S:g} s): "
        f"loading {loaded - started:.1f} s, {tokens} tokens written in {answered - loaded:.1f} s; "
        f"score {score:.1%}{engine.fallback}",
        flush=True,
    )
    return {
        "rows": len(prompts), "seconds": total, "loading_s": loaded - started, "answering_s": answered - loaded,
        "tokens_written": tokens, "score": score,
    }  # fmt: skip


def main() -> int:
    """Parse the command line, measure, print and write; 1 if a floor is not reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=64, help="rows of few-shot and perplexity (default: 64)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("fewshot", "perplexity", "exact"))
    parser.add_argument("--tiny", action="store_true", help="a model of no size, and few rows for the starter")
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args()
    bound_kernel_caches()
    results: dict[str, Any] = {"machine": read_hardware().model_dump(mode="json"), "threads": torch.get_num_threads()}
    with tempfile.TemporaryDirectory() as scratch:
        name = "tiny" if given.tiny else "42M"
        folder = write_model(Path(scratch) / "model", SHAPES[name])
        starter = find_model(ModelSpec()).folder
        if given.only in (None, "fewshot"):
            models = {name: folder} if given.tiny or starter is None else {name: folder, "starter": starter}
            results["fewshot"] = {each: few_shot(each, path, given) for each, path in models.items()}
        if given.only in (None, "perplexity"):
            results["perplexity"] = perplexity(folder, given)
        if given.only in (None, "exact"):
            results["exact"] = exact_match(20 if given.tiny else EXACT_ROWS)
    missed = missed_floors(results)
    results["missed"] = missed
    given.output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(f"written to {given.output}; " + ("all floors reached" if not missed else "missed: " + ", ".join(missed)))
    return 1 if missed and not given.tiny else 0


def missed_floors(results: dict[str, Any]) -> list[str]:
    """Return the names of the floors that what was measured does not reach."""
    reached: dict[str, bool] = {}
    for name, part in results.get("fewshot", {}).items():
        for dtype, floor in FEWSHOT_FLOORS.items():
            reached[f"few-shot, {name}, beside {dtype}"] = part["ratios"][dtype] >= floor
        reached[f"few-shot, {name}, same answers in fp32"] = part["rows_per_s"]["differing fp32"] == 0
    if "perplexity" in results:
        part = results["perplexity"]
        reached["perplexity beside the default"] = part["ratios"]["default"] >= DEFAULT_FLOOR
        reached["perplexity beside the best setting"] = part["ratios"]["best"] >= BEST_FLOOR
        reached["the same perplexity"] = part["distance"] <= PERPLEXITY_FLOOR
    if "exact" in results:
        reached["500 rows of exact match"] = results["exact"]["seconds"] <= EXACT_FLOOR_S
    return [name for name, is_reached in reached.items() if not is_reached]


if __name__ == "__main__":
    sys.exit(main())
