"""A published checkpoint and published rows, where a clone has them beside it: what random weights cannot show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from tests.shared import SHARED, needs_shared
from tunewright.errors import RowTooLongError
from tunewright.jobs.load import load_engine
from tunewright.jobs.train import finetune
from tunewright.runs.events import RowLeftOut
from tunewright.runs.folder import RunFolder
from tunewright.runs.summary import summarise
from tunewright.spec.recipe import Recipe, build_recipe
from tunewright.spec.train import HardwareSpec

MODEL = SHARED / "checkpoints" / "stories260K-hf"
ROWS = SHARED / "chat" / "tinker_conversations.jsonl"

pytestmark = needs_shared


def make_recipe(folder: Path, steps: int, **data: Any) -> Recipe:
    return build_recipe(
        {
            "model": {"source": str(MODEL)},
            "data": {"train": str(ROWS), "validation_split": 0.2, **data},
            "method": {"kind": "lora", "rank": 8},
            "train": {"max_steps": steps, "batch_size": 8, "hardware": {"device": "cpu", "precision": "fp32"}},
            "evaluate": {"max_rows": 0},
            "output": str(folder / "run"),
        }
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return finetune(make_recipe(tmp_path_factory.mktemp("real"), 40))


def test_the_held_out_loss_falls(run: RunFolder) -> None:
    summary = summarise(run)
    assert summary.headline == "loss"
    assert (summary.tuned_loss or 9) < (summary.base_loss or 0) - 0.1


def test_the_adapter_computes_in_peft_what_it_computes_here(run: RunFolder) -> None:
    engine = load_engine(run, HardwareSpec(device="cpu", precision="fp32"))
    theirs = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(MODEL), str(run.adapter_path)).eval()
    prompt = engine.tokenizer.render([{"role": "user", "content": "Who are you?"}], add_generation_prompt=True)
    tokens_BT = torch.tensor([engine.tokenizer.encode(prompt)])
    with torch.no_grad():
        assert torch.equal(engine.model(input_ids=tokens_BT).logits, theirs(input_ids=tokens_BT).logits)


def test_rows_longer_than_the_limit_are_named_and_refused(tmp_path: Path) -> None:
    with pytest.raises(RowTooLongError, match=r"longer than data.max_length = 64 tokens: .*jsonl:\d+ \(") as caught:
        finetune(make_recipe(tmp_path, 2, max_length=64))
    assert "data.too_long=drop" in caught.value.hint
    assert len(caught.value.faults) > 5
    assert not (tmp_path / "run").exists()


def test_rows_longer_than_the_limit_are_left_out_by_name_if_asked(tmp_path: Path) -> None:
    run = finetune(make_recipe(tmp_path, 2, max_length=96, too_long="drop"))
    left_out = [event for event in run.events() if isinstance(event, RowLeftOut)]
    assert left_out
    assert all("must be at most 96 tokens" in event.reason for event in left_out)
    assert all(event.path == str(ROWS) for event in left_out)
    assert run.state() == "finished"
