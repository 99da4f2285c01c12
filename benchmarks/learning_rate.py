"""Is the automatic learning rate near the best one? Held-out loss at multiples of the rule, full and LoRA.

    python benchmarks/learning_rate.py

The support example on the starter, four epochs, one seed, side by side; prints a table and writes
`benchmarks/results/learning_rate.json`.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tunewright.jobs.train import finetune
from tunewright.runs.summary import scores_of
from tunewright.spec.defaults import JobFacts, settle
from tunewright.spec.recipe import Recipe, build_recipe

EXAMPLE = Path(__file__).parents[1] / "examples" / "support"
RESULTS = Path(__file__).parent / "results" / "learning_rate.json"
MULTIPLES = (0.3, 1.0, 3.0)
STARTER = JobFacts(num_rows=541, num_parameters=4_737_792, context_tokens=1024)


def recipe_of(method: str, output: Path, learning_rate: float | None) -> Recipe:
    """Return the example's recipe with `method` and rate; nothing is generated, only losses are compared."""
    return build_recipe(
        {
            "data": {"train": str(EXAMPLE / "train.jsonl"), "test": str(EXAMPLE / "heldout.jsonl")},
            "method": {"kind": method},
            "train": {"epochs": 4, "batch_size": 16, "learning_rate": learning_rate},
            "evaluate": {"max_rows": 0},
            "output": str(output),
        }
    )


def main() -> None:
    """Measure every method at every multiple, print and write."""
    rows: list[dict[str, float | str]] = []
    print(f"{'method':8} {'× rule':>7} {'rate':>8} {'held-out loss':>14}")
    with tempfile.TemporaryDirectory() as scratch:
        for method in ("full", "lora"):
            settled, _ = settle(recipe_of(method, Path(scratch), None), STARTER)
            rule = settled.train.learning_rate
            assert rule is not None
            for multiple in MULTIPLES:
                output = Path(scratch) / f"{method}-{multiple}"
                run = finetune(recipe_of(method, output, rule * multiple))
                evaluation = run.evaluation()
                assert evaluation is not None
                scores = scores_of(evaluation.first("tuned"))
                rows.append({"method": method, "multiple": multiple, "rate": rule * multiple, **scores})
                print(f"{method:8} {multiple:>7} {rule * multiple:>8.1e} {scores['loss']:>14.4f}", flush=True)
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
