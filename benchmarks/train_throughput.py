"""Training speed beside TRL and transformers' Trainer: same rows, same model, same trainable weights, in turns.

    python benchmarks/train_throughput.py                                       # all of it, on a quiet machine
    python benchmarks/train_throughput.py --only plain --rounds 1 --steps 4     # a quick look at one set of rows
    python benchmarks/train_throughput.py --tiny --output tiny.json             # does it run at all?

The peers are needed by this benchmark only: pip install "trl==1.16.*" "accelerate==1.15.*" "datasets>=4,<6". Without
them only ours is measured. Prints tables and writes `benchmarks/results/train_throughput.json`; sets of rows that are
not run keep their former figures, and Trainer's best setting is looked for once (again with --sweep).

A 42 M Llama, LoRA r=16 on all linear layers, 16 rows a step, AdamW at a constant rate. Every arm is a process that
warms up and then takes timed steps; effective tokens are those of the rows, a prefix counted in every row and padding
never. Each round also measures the machine's bf16 matrix products; `shape` says how the share of them is counted. All
arms take the same steps over the same rows in every round.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from train_arms.job import Job
from train_arms.process import HOW_TO_INSTALL, peers_installed, run_job, run_module
from train_arms.shape import SHAPES, Shape, write_model
from train_rows import ROW_SETS, ideal_pair_cost, make_rows, save_rows

from tunewright.runs.machine import read_hardware

RESULTS = Path(__file__).parent / "results" / "train_throughput.json"
PACKAGES = ("tunewright", "torch", "transformers", "peft", "trl", "accelerate")
LAST_LOSSES = 5
USUAL_SETTING = {"batch": 2, "precision": "bf16", "group_by_length": True}

# The floors of the issue: (× Trainer at its best, × TRL as installed).
FLOORS = {"plain": (1.8, 8.0), "system": (5.0, 15.0), "short": (2.5, 8.0)}
PAIR_FLOOR, MEMORY_FLOOR, SHARE_FLOOR, LOSS_FLOOR = 1.1, 0.5, 0.45, 0.01

Answer = dict[str, Any]


class Bench:
    """One use of the benchmark: the model, the arms, and the limits of time."""

    def __init__(self, given: argparse.Namespace, scratch: Path) -> None:
        self.given, self.scratch = given, scratch
        self.shape_name = "tiny" if given.tiny else "42M"
        self.shape: Shape = SHAPES[self.shape_name]
        self.model = write_model(scratch / "model", self.shape)
        self.machine = read_hardware().model_dump(mode="json")
        self.with_peers = peers_installed()

    def job(self, name: str) -> Job:
        """Return the job on the rows `name`, with all its steps."""
        given = self.given
        rows = make_rows(name, given.steps * given.rows, self.shape.vocabulary)
        path = save_rows(self.scratch / f"{name}.npz", rows)
        return Job(str(self.model), str(path), given.steps, rows_per_step=given.rows)

    def limit(self) -> float:
        """Return the machine's best rate of bf16 matrix products now, in operations per second.

        Raises:
            RuntimeError: if it cannot be measured; no share of it could be told.
        """
        rates = run_module("limit", self.shape_name, self.scratch, self.given.timeout)
        if "error" in rates:
            raise RuntimeError(rates["error"])
        return max(rates.values())

    def run(self, arm: str, job: Job, label: str) -> Answer:
        """Run one arm and say how fast it was."""
        answer = run_job(arm, job, self.scratch, self.given.timeout)
        if "error" in answer:
            print(f"  {label}: {answer['error']}", flush=True)
        else:
            speed, seconds = answer["tokens_per_s"], answer["seconds"]
            print(f"  {label:12}{speed:>9,.0f} tokens/s   {seconds:6.1f} s   {answer['peak_mb']:>7,.0f} MB", flush=True)
        return answer


# ── sets of rows beside the peers ────────────────────────────────────────────────────────────────────────────────────


def measure_rows(bench: Bench, name: str, former: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of one set of rows: rounds, medians, ratios and checks."""
    job = bench.job(name)
    print(f"{name}: {job.num_steps} steps of {job.rows_per_step} rows", flush=True)
    sweep = find_best_setting(bench, job, former.get("sweep")) if bench.with_peers else None
    rounds = [one_round(bench, job, sweep, number) for number in range(bench.given.rounds)]
    arms = {arm: summary(bench.shape, arm, rounds) for arm in rounds[0]["answers"]}
    result = {"steps": job.num_steps, "rows_per_step": job.rows_per_step, "sweep": sweep, "arms": arms}
    result["checks"] = checks(name, arms)
    return {**result, "rounds": rounds}


def find_best_setting(bench: Bench, job: Job, former: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return Trainer's settings, best first, as found before on this machine or looked for now."""
    if bench.given.no_sweep:
        return former or {"key": None, "settings": [{"setting": USUAL_SETTING}]}
    key = {"shape": bench.shape_name, "cpu": bench.machine["cpu"], "flags": bench.machine["cpu_flags"]}
    key |= {"threads": bench.machine["num_threads"], "transformers": importlib.metadata.version("transformers")}
    if former and former["key"] == key and not bench.given.sweep:
        print(f"  Trainer's best setting, as found before: {former['settings'][0]['setting']}", flush=True)
        return former
    print("  looking for Trainer's best setting …", flush=True)
    found = run_job("trainer", job, bench.scratch, 3 * bench.given.timeout)
    if "error" in found:
        print(f"  {found['error']}", flush=True)
        return None
    for each in found["sweep"][:3]:
        print(f"  {each['setting']}: {each['tokens_per_s']:,.0f} tokens/s", flush=True)
    return {"key": key, "settings": found["sweep"]}


def one_round(bench: Bench, job: Job, sweep: dict[str, Any] | None, number: int) -> dict[str, Any]:
    """Return the answers of all arms, one after the other."""
    limit = bench.limit()
    print(f" round {number + 1}: bf16 matrix products {limit / 1e9:.0f} GFLOP/s", flush=True)
    answers = {"tunewright": bench.run("tunewright", job, "tunewright")}
    if sweep:
        best = dataclasses.replace(job, settings=sweep["settings"][0]["setting"])
        answers["trainer"] = bench.run("trainer", best, "trainer")
    if bench.with_peers:
        answers["trl"] = bench.run("trl", job, "trl")
    return {"limit": limit, "answers": answers}


def summary(shape: Shape, arm: str, rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians of one arm; the losses are those of its first round."""
    good = [(each["limit"], each["answers"][arm]) for each in rounds if "error" not in each["answers"][arm]]
    if not good:
        return {"error": rounds[0]["answers"][arm]["error"]}
    shares = [
        shape.operations(a["computed_tokens"], a["supervised_tokens"]) / a["seconds"] / limit for limit, a in good
    ]
    first = good[0][1]
    return {
        "tokens_per_s": round(statistics.median(a["tokens_per_s"] for _, a in good), 1),
        "peak_mb": round(statistics.median(a["peak_mb"] for _, a in good)),
        "share_of_limit": round(statistics.median(shares), 4),
        "computed_share": round(first["computed_tokens"] / first["row_tokens"], 4),
        "trainable": first["trainable"],
        "steps": len(first["losses"]),
        "last_loss": statistics.mean(first["losses"][-LAST_LOSSES:]),
    }


def checks(name: str, arms: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the ratios of ours to the peers, each with its floor and whether it is reached."""
    good = {arm: figures for arm, figures in arms.items() if "error" not in figures}
    assert len({figures["trainable"] for figures in good.values()}) <= 1, "the arms train different numbers of weights"
    ours = good.get("tunewright")
    if ours is None:
        return {}
    found = {"share_of_limit": _at_least(ours["share_of_limit"], SHARE_FLOOR)}
    for peer, floor in zip(("trainer", "trl"), FLOORS[name], strict=True):
        if peer in good:
            found[f"speed_to_{peer}"] = _at_least(ours["tokens_per_s"] / good[peer]["tokens_per_s"], floor)
    if "trl" in good:
        found["memory_to_trl"] = _at_most(ours["peak_mb"] / good["trl"]["peak_mb"], MEMORY_FLOOR)
        # A first round that failed leaves losses after fewer steps, which say nothing.
        if ours["steps"] == good["trl"]["steps"]:
            found["loss_from_trl"] = _at_most(abs(ours["last_loss"] / good["trl"]["last_loss"] - 1), LOSS_FLOOR)
    return found


def _at_least(value: float, floor: float) -> dict[str, Any]:
    return {"value": round(value, 4), "floor": f"≥ {floor}", "reached": value >= floor}


def _at_most(value: float, ceiling: float) -> dict[str, Any]:
    return {"value": round(value, 4), "floor": f"≤ {ceiling}", "reached": value <= ceiling}


# ── preference pairs: ours only ──────────────────────────────────────────────────────────────────────────────────────


def measure_pairs(bench: Bench, name: str, former: dict[str, Any]) -> dict[str, Any]:
    """Return the time of steps over pairs that share their prompt, against the same rows apart (layout `packed`)."""
    job = bench.job(name)
    rows = make_rows(name, job.num_steps * job.rows_per_step, bench.shape.vocabulary)
    ideal = ideal_pair_cost(rows)
    print(f"{name}: {job.num_steps} steps of {job.rows_per_step // 2} pairs", flush=True)
    layouts = {layout: dataclasses.replace(job, settings={"layout": layout}) for layout in ("tree", "packed")}
    rounds: list[dict[str, Answer]] = []
    for number in range(bench.given.rounds):
        print(f" round {number + 1}", flush=True)
        rounds.append({layout: bench.run("tunewright", own, layout) for layout, own in layouts.items()})
    costs = [each["tree"]["seconds"] / each["packed"]["seconds"] for each in rounds if _all_good(each)]
    if not costs:
        return {"ideal": round(ideal, 4), "rounds": rounds}
    cost = statistics.median(costs)
    good = next(each for each in rounds if _all_good(each))
    tree, packed = (
        bench.shape.operations(good[layout]["computed_tokens"], good[layout]["supervised_tokens"]) for layout in layouts
    )
    return {
        "ideal": round(ideal, 4),
        # The head reads every answer's tokens, shared prompt or not: no layout can save that part.
        "ideal_with_head": round(tree / packed, 4),
        "cost": round(cost, 4),
        "computed": round(good["tree"]["computed_tokens"] / good["packed"]["computed_tokens"], 4),
        "checks": {"cost_to_ideal": _at_most(cost / ideal, PAIR_FLOOR)},
        "rounds": rounds,
    }


def _all_good(answers: dict[str, Answer]) -> bool:
    return not any("error" in answer for answer in answers.values())


# ── all ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def show(results: dict[str, Any]) -> None:
    """Print every set of rows: arms, then ratios with their floors."""
    for name, result in results["row_sets"].items():
        print(f"\n{name}")
        for arm, figures in result.get("arms", {}).items():
            if "error" in figures:
                print(f"  {arm:12} failed: {figures['error']}")
                continue
            print(
                f"  {arm:12}{figures['tokens_per_s']:>9,.0f} tokens/s{figures['peak_mb']:>8,} MB"
                f"{figures['share_of_limit']:>8.1%} of the limit, {figures['computed_share']:.0%} of tokens computed, "
                f"loss {figures['last_loss']:.4f}"
            )
        if "cost" in result:
            print(
                f"  together cost {result['cost']:.3f} of apart, and compute {result['computed']:.3f} of the tokens; "
                f"ideal {result['ideal']:.3f}, with the head counted {result['ideal_with_head']:.3f}"
            )
        for check, found in result.get("checks", {}).items():
            print(f"  {check:16}{found['value']:>9.3f}  ({found['floor']}: {'yes' if found['reached'] else 'NO'})")


def versions() -> dict[str, str]:
    """Return the versions of the packages that are compared."""
    found: dict[str, str] = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=ROW_SETS, action="append", help="one set of rows; may be repeated")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5, help="timed optimiser steps of an arm")
    parser.add_argument("--rows", type=int, default=16, help="rows of an optimiser step")
    parser.add_argument("--tiny", action="store_true", help="a model that trains in a second")
    looks = parser.add_mutually_exclusive_group()
    looks.add_argument("--sweep", action="store_true", help="look for Trainer's best setting again")
    looks.add_argument("--no-sweep", action="store_true", help="take batch 2, bf16, grouped by length, as its best")
    parser.add_argument("--timeout", type=float, default=600, help="seconds that an arm may take")
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args()
    if given.rows % 8:
        parser.error(f"--rows {given.rows}: must be a multiple of 8, TRL's default batch")
    return given


def main() -> None:
    """Measure what is asked for, print and write."""
    given = arguments()
    results = json.loads(given.output.read_text(encoding="utf-8")) if given.output.exists() else {}
    row_sets = results.get("row_sets", {})
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(given, Path(scratch))
        if not bench.with_peers:
            print(HOW_TO_INSTALL)
        for name in given.only or ROW_SETS:
            measure = measure_pairs if name == "pairs" else measure_rows
            row_sets[name] = measure(bench, name, row_sets.get(name, {}))
            tree = {"machine": bench.machine, "versions": versions(), "shape": dataclasses.asdict(bench.shape)}
            results = {**tree, "row_sets": row_sets}
            given.output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    show(results)
    print(f"\nwritten to {given.output}")


if __name__ == "__main__":
    main()
