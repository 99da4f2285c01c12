"""How long the quickstart's job takes and what it gains: whole processes, median of several seeds.

    python benchmarks/quickstart.py --runs 3

Prints a table and writes `benchmarks/results/quickstart.json`. Seconds are of the whole process, imports included; the
seed differs from run to run, so the spread of the scores is that of training, not of the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "quickstart.json"


def measure(seed: int, folder: Path, settings: list[str]) -> dict[str, Any]:
    """Return seconds and scores of one quickstart in a process of its own."""
    command = [sys.executable, "-m", "tunewright", "quickstart", "--json", "--output", str(folder)]
    for setting in [f"train.seed={seed}", *settings]:
        command += ["--set", setting]
    started = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    events = [json.loads(line) for line in done.stdout.splitlines()]
    scored = {event["subject"]: event for event in events if event.get("type") == "scored"}
    metrics = [event for event in events if "train_loss" in event and "tokens" in event]
    return {
        "seed": seed,
        "seconds": round(seconds, 1),
        "train_seconds": round(metrics[-1]["seconds"], 1),
        "tokens_per_second": round(metrics[-1]["tokens"] / metrics[-1]["seconds"]),
        "base": {**scored["base"]["scores"], "loss": scored["base"]["loss"]},
        "tuned": {**scored["tuned"]["scores"], "loss": scored["tuned"]["loss"]},
    }


def main() -> None:
    """Parse the command line, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    arguments = parser.parse_args()
    scratch = Path(tempfile.mkdtemp())
    try:
        runs = [measure(seed, scratch / str(seed), arguments.settings) for seed in range(arguments.runs)]
    finally:
        shutil.rmtree(scratch)
    print(f"{'seed':>4} {'seconds':>8} {'training':>8} {'tok/s':>7} {'base':>7} {'tuned':>7} {'loss':>15}")
    for run in runs:
        loss = f"{run['base']['loss']:.2f} → {run['tuned']['loss']:.3f}"
        print(
            f"{run['seed']:>4} {run['seconds']:>8} {run['train_seconds']:>8} {run['tokens_per_second']:>7} "
            f"{run['base']['contains']:>7.1%} {run['tuned']['contains']:>7.1%} {loss:>15}"
        )
    median = {key: statistics.median(run[key] for run in runs) for key in ("seconds", "train_seconds")}
    median["tuned_contains"] = statistics.median(run["tuned"]["contains"] for run in runs)
    machine = {"platform": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()}
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    tree = {"machine": machine, "settings": arguments.settings, "median": median, "runs": runs}
    RESULTS.write_text(json.dumps(tree, indent=2) + "\n", encoding="utf-8")
    print(f"median: {median['seconds']} s, tuned {median['tuned_contains']:.1%}; written to {RESULTS}")


if __name__ == "__main__":
    main()
