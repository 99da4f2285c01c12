"""What each method costs and what it gains: one task, the starter on the support example, equal epochs.

    python benchmarks/methods.py                       # all of it, on a quiet machine: some minutes
    python benchmarks/methods.py --only lora ia3       # some methods; nothing is written
    python benchmarks/methods.py --quick               # does it run at all? nothing is written

Each method runs in a process of its own, with the settings below and all else automatic, its learning rate above all.
The best checkpoint is chosen by rows held out of the training file; the test file is scored once, at the end. Memory is
the process's peak (VmHWM, Linux), libraries included. Speed is the median over steps, in effective tokens. Prints a
table in Markdown and writes `benchmarks/results/methods.json`. One seed: differences of a few hundredths are noise.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunewright.jobs.train import finetune
from tunewright.runs.events import ArtifactSaved, Event, ModelLoaded, Scored, Validated
from tunewright.runs.folder import RunFolder
from tunewright.runs.machine import read_hardware
from tunewright.runs.manifest import read_versions
from tunewright.runs.summary import AnyEvent, last_of
from tunewright.spec.recipe import build_recipe

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "support"
RESULTS = Path(__file__).parent / "results" / "methods.json"
TIMEOUT_S = 300

METHODS: dict[str, dict[str, Any]] = {
    "full": {"kind": "full"},
    "full, last:2": {"kind": "full", "layers": "last:2"},
    "lora": {"kind": "lora"},
    "lora, pissa": {"kind": "lora", "init": "pissa"},
    "lora, rslora": {"kind": "lora", "use_rslora": True},
    "lora, last:2": {"kind": "lora", "layers": "last:2"},
    "lora, last:2, states kept": {"kind": "lora", "layers": "last:2"},
    "dora": {"kind": "dora"},
    "qlora": {"kind": "qlora"},
    "bottleneck, pfeiffer": {"kind": "bottleneck", "placement": "pfeiffer"},
    "bottleneck, houlsby": {"kind": "bottleneck", "placement": "houlsby"},
    "prompt": {"kind": "prompt"},
    "ia3": {"kind": "ia3"},
}
"""By the name in the table, the method; what is not said is the default."""
HARDWARE: dict[str, dict[str, Any]] = {"lora, last:2, states kept": {"keep_frozen_states": True}}
"""What else some of them set, in `train.hardware`."""
COLUMNS = (
    ("method", "{method}"),
    ("rate", "{learning_rate:.2g}"),
    ("weights that learn", "{num_trainable:,}"),
    ("peak memory, MB", "{peak_megabytes:,}"),
    ("tokens/s", "{tokens_per_second:,}"),
    ("seconds", "{seconds}"),
    ("validation loss", "{valid_loss:.3f}"),
    ("held-out loss", "{held_out_loss:.3f}"),
    ("artifact, MB", "{artifact_megabytes}"),
)


def main() -> None:
    """Measure every method in a process of its own, print and write."""
    given = _arguments()
    if given.child:
        print(json.dumps(measure_here(json.loads(given.child))))
        return
    names = given.only or list(METHODS)
    libraries = _peak_megabytes()
    print("| " + " | ".join(name for name, _ in COLUMNS) + " |")
    print("|---" + "|---:" * (len(COLUMNS) - 1) + "|")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for number, name in enumerate(names):
            rows.append(measure(name, recipe_tree(name, given, Path(scratch) / str(number))))
            print(table_line(rows[-1]), flush=True)
    base = next((row["base_loss"] for row in rows if "base_loss" in row), None)
    print(f"\nheld-out loss of the base: {base}; libraries alone take {libraries} MB")
    output = given.output or (None if given.quick or given.only else RESULTS)
    if output is not None:
        tree = {
            "machine": read_hardware().model_dump(mode="json"),
            "versions": read_versions().model_dump(mode="json"),
            "epochs": given.epochs,
            "seed": given.seed,
            "base_loss": base,
            "libraries_megabytes": libraries,
            "rows": rows,
        }
        output.write_text(json.dumps(tree, indent=2) + "\n", encoding="utf-8", newline="")
        print(f"written to {output}")


def recipe_tree(name: str, given: argparse.Namespace, output: Path) -> dict[str, Any]:
    """Return the recipe of one method; nothing is generated, only losses are compared."""
    part = "[:64]" if given.quick else None
    length = {"max_steps": 2} if given.quick else {"epochs": given.epochs}
    return {
        "name": "methods",
        "data": {
            "train": {"path": str(EXAMPLE / "train.jsonl"), "split": part},
            "test": {"path": str(EXAMPLE / "heldout.jsonl"), "split": part},
        },
        "method": METHODS[name],
        "train": {**length, "batch_size": 16, "seed": given.seed, "hardware": HARDWARE.get(name, {})},
        "evaluate": {"max_rows": 0},
        "output": str(output),
    }


def measure(name: str, tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of one method, or {"method": …, "error": why there is none}."""
    command = [sys.executable, str(Path(__file__).resolve()), "--child", json.dumps(tree)]
    started = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return {"method": name, "error": f"not done after {TIMEOUT_S} s"}
    seconds = round(time.perf_counter() - started, 1)
    if done.returncode:
        return {"method": name, "error": done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no word"}
    return {"method": name, **json.loads(done.stdout.splitlines()[-1]), "seconds": seconds}


def measure_here(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Run the recipe in this process and return what it cost and gained."""
    run = finetune(build_recipe(tree))
    events, recipe = run.events(), run.recipe()
    scored = {event.subject: event.loss for event in events if isinstance(event, Scored)}
    return {
        "settings": dict(tree["method"]),
        "learning_rate": recipe.train.learning_rate,
        "num_trainable": _only(ModelLoaded, events).num_trainable,
        "precision": _only(ModelLoaded, events).precision,
        "layout": _only(ModelLoaded, events).layout,
        "num_steps": run.metrics()[-1].step,
        "peak_megabytes": _peak_megabytes(),
        "tokens_per_second": _speed(run),
        "valid_loss": min(event.valid_loss for event in events if isinstance(event, Validated) and event.valid_loss),
        "base_loss": scored["base"],
        "held_out_loss": scored["tuned"],
        "artifact_megabytes": round(_only(ArtifactSaved, events).size_bytes / 1e6, 2),
    }


def table_line(row: Mapping[str, Any]) -> str:
    """Return the row of the Markdown table."""
    if "error" in row:
        return f"| {row['method']} | {row['error']} |"
    return "| " + " | ".join(text.format(**row) for _, text in COLUMNS) + " |"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=float, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=list(METHODS), metavar="METHOD")
    parser.add_argument("--quick", action="store_true", help="two steps on 64 rows")
    parser.add_argument("--output", type=Path, help="write here")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def _only(kind: type[AnyEvent], events: Sequence[Event]) -> AnyEvent:
    found = last_of(kind, events)
    assert found is not None, f"the run has no {kind.__name__}"
    return found


def _speed(run: RunFolder) -> int:
    """Return the median speed of the steps behind the first, which pays for what is made once."""
    speeds = [row.tokens_per_second for row in run.metrics()[1:] if row.tokens_per_second]
    return round(statistics.median(speeds))


def _peak_megabytes() -> int | None:
    """Return the peak of this process's resident set; None where there is no /proc."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    kibibytes = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return round(kibibytes * 1024 / 1e6)


if __name__ == "__main__":
    main()
