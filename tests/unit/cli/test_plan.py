"""`tunewright plan` answers first, for people and for scripts, and ends as the other verbs do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tiny import write_rows
from tests.unit.cli.conftest import QUICK
from tunewright.cli import main
from tunewright.cli.plan_screen import answer, print_plan, size


@pytest.fixture
def recipe(here: Path, tiny_model: Path) -> Path:
    write_rows(here / "rows.jsonl", 16)
    path = here / "recipe.yaml"
    tree = {"model": {"source": str(tiny_model)}, "data": {"train": "rows.jsonl"}, "train": {"max_steps": 3}}
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return path


def test_the_answer_comes_first_and_nothing_is_written(
    here: Path, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(here.rglob("*"))
    assert main(["plan", str(recipe), "--no-probe", *QUICK]) == 0
    out = capsys.readouterr().out
    said = [line for line in out.splitlines() if not line.endswith("…")]
    assert said[0].startswith("fits: it needs about ")
    assert "checkpoints of" in out
    assert "time is rough" in out
    assert sorted(here.rglob("*")) == before


def test_json_is_one_object_that_obeys_settings(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(recipe), "--json", "--set", "method.kind=full", "--set", "train.max_steps=5", *QUICK]) == 0
    [line] = capsys.readouterr().out.splitlines()
    plan = json.loads(line)
    assert plan["fits"] is True
    assert (plan["method"], plan["num_steps"], plan["is_rough"]) == ("full", 5, False)
    assert plan["num_learning"] == plan["num_parameters"]
    assert plan["probe_seconds"] < 20


def test_a_missing_recipe_and_missing_rows_end_as_in_run(here: Path, recipe: Path) -> None:
    assert main(["plan", "gone.yaml"]) == main(["run", "gone.yaml"])
    (here / "rows.jsonl").unlink()
    assert main(["plan", str(recipe)]) == main(["run", str(recipe)]) == 3
    assert main(["plan", str(recipe), "--set", "train.epoch=1"]) == 2


def plan_of(**changes: Any) -> dict[str, Any]:
    memory = dict.fromkeys(("total", "process", "kernels", "weights", "optimizer", "activations"), 2_000_000_000)
    disk = {"peak": 5_000_000, "checkpoint": 1_000_000, "num_checkpoints": 5, "artifact": 20_000}
    parts = ("total", "loading", "training", "validation", "scoring", "answering", "saving")
    return {
        **{"model": "big\x1b[31m", "method": "full", "device": "cpu", "precision": "bf16", "num_steps": 10},
        **{"num_parameters": 9, "num_learning": 9, "batch_size": 4, "computed_tokens": 100, "is_rough": True},
        **{"memory": memory, "disk": disk, "seconds": dict.fromkeys(parts, 90.0)},
        **{"free_memory": 1_000_000_000, "free_disk": 10**12, "fits_memory": False, "fits_disk": True, "fits": False},
        "alternatives": [
            {"changes": {"method.kind": "lora"}, "memory_bytes": 9e8, "seconds": 60.0, "fits": True},
            {
                "changes": {"train.hardware.activation_checkpointing": True},
                "memory_bytes": 2e9,
                "seconds": 60.0,
                "fits": False,
            },
        ],
        **changes,
    }


def test_a_job_that_does_not_fit_says_so_and_what_would(capsys: pytest.CaptureFixture[str]) -> None:
    print_plan(plan_of())
    out = capsys.readouterr().out
    assert out.startswith("does not fit: it needs about 2.0 GB of memory, and this machine has 1.0 GB free")
    assert "--set method.kind=lora" in out
    assert "activation_checkpointing=true" in out
    assert "\x1b[31m" not in out


def test_a_disk_that_is_too_small_and_a_silent_machine_are_told_apart() -> None:
    assert "of disk" in answer(plan_of(fits_memory=True, fits_disk=False))
    assert answer(plan_of(fits_memory=None, free_memory=None)).startswith("unknown whether it fits")


def test_sizes_read_as_people_say_them() -> None:
    assert [size(n) for n in (900, 1_500_000, 250_000_000, 3_260_000_000)] == ["1 kB", "1.5 MB", "250 MB", "3.3 GB"]
