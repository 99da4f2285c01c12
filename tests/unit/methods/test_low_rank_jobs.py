"""The kinds of LoRA that change how a base is loaded or an artifact saved, in whole jobs."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tiny import make_tiny_model, write_rows
from tunewright.errors import Interrupted
from tunewright.jobs.load import load_engine
from tunewright.jobs.train import finetune, resume
from tunewright.runs.folder import RunFolder
from tunewright.runs.metrics import MetricsRow
from tunewright.runs.recorder import Silent
from tunewright.spec.recipe import Recipe, build_recipe
from tunewright.spec.train import HardwareSpec

METHODS: dict[str, dict[str, Any]] = {
    "qlora": {"kind": "qlora", "rank": 4},
    "pissa": {"kind": "lora", "rank": 4, "init": "pissa"},
    "dora": {"kind": "dora", "rank": 4, "modules_to_save": ["norm"]},
}


class StopAfter(Silent):
    """Presses Ctrl-C as soon as a step is recorded."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_metrics(self, row: MetricsRow) -> None:
        if row.step == self.step:
            signal.raise_signal(signal.SIGINT)


def make_recipe(folder: Path, method: dict[str, Any], name: str) -> Recipe:
    if not (folder / "model").exists():
        make_tiny_model(folder / "model")
        write_rows(folder / "rows.jsonl", 12)
    hardware = {"device": "cpu", "precision": "fp32"}
    return build_recipe(
        {
            "model": {"source": str(folder / "model")},
            "data": {"train": str(folder / "rows.jsonl"), "validation_split": 0.25},
            "method": method,
            "train": {"max_steps": 4, "batch_size": 4, "learning_rate": 0.01, "hardware": hardware},
            "evaluate": {"graders": ["token_f1"], "max_new_tokens": 4, "max_rows": 2},
            "output": str(folder / name),
        }
    )


def weight_bytes(run: RunFolder) -> bytes:
    artifact = run.artifact()
    assert artifact is not None
    return (artifact[1] / "adapter_model.safetensors").read_bytes()


@pytest.mark.parametrize("name", list(METHODS))
def test_a_stopped_run_ends_as_one_that_never_stopped_and_its_result_answers(name: str, tmp_path: Path) -> None:
    if name == "qlora":
        pytest.importorskip("bitsandbytes")
    whole = finetune(make_recipe(tmp_path, METHODS[name], "whole"))
    with pytest.raises(Interrupted):
        finetune(make_recipe(tmp_path, METHODS[name], "halves"), StopAfter(2))
    halves = resume(tmp_path / "halves")
    assert weight_bytes(halves) == weight_bytes(whole)
    engine = load_engine(whole, HardwareSpec(device="cpu", precision="fp32"))
    in_4_bits = any(weight.dtype == torch.uint8 for weight in engine.model.parameters())
    assert in_4_bits == (name == "qlora")
