"""The one-file example is the engine in miniature: on the same rows it has the same loss at every step."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from examples import whole_thing
from tests.tiny import write_rows
from tunewright.jobs.train import finetune
from tunewright.runs.events import Validated
from tunewright.runs.folder import RunFolder
from tunewright.spec.recipe import build_recipe

# 44 rows in batches of 8: 12 steps make two epochs, the first of which ends in a batch of 4.
NUM_STEPS, BATCH_SIZE, RATE = 12, 8, 2e-3


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("rows")
    train = write_rows(folder / "train.jsonl", 40, system="Be brief.")
    # Rows of other shapes: several answers, one of them not taught, and text beyond ASCII.
    with train.open("a", encoding="utf-8") as file:
        for number in range(4):
            file.write(
                '{"messages": [{"role": "user", "content": "Grüße?"},'
                f' {{"role": "assistant", "content": "Nein {number}.", "weight": {number % 2}}},'
                ' {"role": "user", "content": "Und\u2028jetzt?"}, {"role": "assistant", "content": " Ja. "}]}\n'
            )
    return train, write_rows(folder / "valid.jsonl", 10, first=100)


def run_engine(method: str, model: Path, rows: tuple[Path, Path], folder: Path) -> RunFolder:
    train, valid = rows
    chosen = {"kind": "lora", "rank": 4} if method == "lora" else {"kind": "full"}
    tree = {
        "model": {"source": str(model)},
        "data": {"train": str(train), "validation": str(valid)},
        "method": chosen,
        "train": {
            "max_steps": NUM_STEPS,
            "batch_size": BATCH_SIZE,
            "learning_rate": RATE,
            "eval_steps": 6,
            "seed": 3,
            "hardware": {"device": "cpu", "precision": "fp32"},
        },
        "evaluate": {"max_rows": 0},
        "output": str(folder),
    }
    return finetune(build_recipe(tree))


@pytest.mark.parametrize("method", ["lora", "full"])
def test_every_loss_is_the_engines(method: str, tiny_model: Path, rows: tuple[Path, Path], tmp_path: Path) -> None:
    train, valid = rows
    run = run_engine(method, tiny_model, rows, tmp_path / "run")
    settings = {"rank": 4, "max-steps": NUM_STEPS, "batch-size": BATCH_SIZE, "micro-batch": 3, "eval-steps": 6}
    settings |= {"seed": 3, "learning-rate": RATE, "method": method, "device": "cpu"}
    flags = [text for name, value in settings.items() for text in (f"--{name}", str(value))]
    log = whole_thing.main(
        [str(tiny_model), str(train), "--validation", str(valid), "--output", str(tmp_path / "out"), *flags]
    )

    metrics = run.metrics()
    assert len(log) == len(metrics) == NUM_STEPS
    assert [line["train_loss"] for line in log] == pytest.approx([row.train_loss for row in metrics], rel=1e-5)
    assert [line["grad_norm"] for line in log] == pytest.approx([row.grad_norm for row in metrics], rel=1e-3)
    theirs = {event.step: event.valid_loss for event in run.events() if isinstance(event, Validated) and event.step}
    assert {line["step"]: line["valid_loss"] for line in log if "valid_loss" in line} == pytest.approx(theirs, rel=1e-5)
    # Losses that stand still would agree for the wrong reason.
    assert log[-1]["train_loss"] < 0.999 * log[0]["train_loss"]
    saved = "adapter_model.safetensors" if method == "lora" else "model.safetensors"
    assert (tmp_path / "out" / saved).is_file()


def test_the_example_stands_alone_and_is_short() -> None:
    text = Path(whole_thing.__file__).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 200
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(text))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    ours = imported - {"__future__", "argparse", "json", "math", "collections", "pathlib", "typing"}
    assert ours == {"numpy", "peft", "torch", "transformers"}
