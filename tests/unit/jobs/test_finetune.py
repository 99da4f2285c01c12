"""A fine-tuning job end to end: what it leaves, that it repeats to the bit, and that it goes on as if never stopped."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from tests.outcome import evaluation_of, outcome
from tests.tiny import write_rows
from tunewright.errors import DataError, Interrupted, RecipeError, RunError, RunExistsError
from tunewright.infer.engine import Sampling
from tunewright.jobs.load import load_engine
from tunewright.jobs.train import finetune, resume
from tunewright.runs.events import Event, RunFinished, RunStarted
from tunewright.runs.folder import RunFolder
from tunewright.runs.metrics import OF_THE_MACHINE, MetricsRow
from tunewright.runs.recorder import Silent
from tunewright.runs.summary import scores_of, summarise
from tunewright.spec.recipe import Recipe, build_recipe
from tunewright.spec.train import HardwareSpec

FP32 = HardwareSpec(device="cpu", precision="fp32")
METHODS: dict[str, dict[str, Any]] = {
    "full": {"kind": "full"},
    "lora": {"kind": "lora", "rank": 4, "dropout": 0.1},
}
IDS_BT = torch.arange(20).reshape(2, 10)


def make_recipe(folder: Path, model: Path, method: str = "lora", *, name: str = "run", **train: Any) -> Recipe:
    rows = folder / "rows.jsonl"
    if not rows.exists():
        write_rows(rows, 20)
    hardware = {"device": "cpu", "precision": train.pop("precision", "fp32")}
    return build_recipe(
        {
            "model": {"source": str(model)},
            "data": {"train": str(rows), "validation_split": 0.2},
            "method": METHODS[method],
            "train": {"max_steps": 6, "batch_size": 4, "learning_rate": 0.01, "hardware": hardware, **train},
            "evaluate": {"graders": ["token_f1"], "max_new_tokens": 6, "max_rows": 3},
            "output": str(folder / name),
        }
    )


def weight_bytes(run: RunFolder) -> bytes:
    artifact = run.artifact()
    assert artifact is not None
    [path] = artifact[1].glob("*.safetensors")
    return path.read_bytes()


@torch.no_grad()
def logits(model: torch.nn.Module) -> torch.Tensor:
    return model(input_ids=IDS_BT).logits


class Signalling(Silent):
    """Presses Ctrl-C as soon as step `step` is recorded, or as soon as an event of `kind` is."""

    def __init__(self, *, step: int | None = None, kind: type[Event] | None = None) -> None:
        self.step, self.kind = step, kind

    def on_metrics(self, row: MetricsRow) -> None:
        if row.step == self.step:
            signal.raise_signal(signal.SIGINT)

    def on_event(self, event: Event) -> None:
        if self.kind is not None and isinstance(event, self.kind):
            signal.raise_signal(signal.SIGINT)


@pytest.fixture(scope="module", params=list(METHODS))
def finished(request: pytest.FixtureRequest, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp(request.param)
    return finetune(make_recipe(folder, tiny_model, request.param))


# ── what a run leaves ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_finished_run_says_so_and_has_its_layout(finished: RunFolder) -> None:
    assert finished.state() == "finished"
    names = {path.relative_to(finished.path).as_posix() for path in finished.path.rglob("*") if path.is_file()}
    assert {
        "recipe.yaml",
        "manifest.json",
        "events.jsonl",
        "metrics.jsonl",
        "report/evaluation.json",
        "report/index.html",
        "checkpoints/step-000006/weights.safetensors",
        "checkpoints/step-000006/optimizer.pt",
        "checkpoints/step-000006/random.pt",
        "checkpoints/step-000006/state.json",
    } <= names
    assert not [name for name in names if ".tmp" in name]
    assert [row.step for row in finished.metrics()] == [1, 2, 3, 4, 5, 6]
    evaluation = evaluation_of(finished)
    assert evaluation.headline == "token_f1"
    assert [column.kind for column in evaluation.columns] == ["base", "tuned"]
    assert {*scores_of(evaluation.first("tuned"))} == {"token_f1", "loss", "perplexity"}
    [comparison] = evaluation.comparisons
    assert (comparison.column, comparison.against) == ("tuned", "base")
    assert all(answer.loss is not None for column in evaluation.columns for answer in column.answers)


def test_the_artifact_is_what_the_method_promises(finished: RunFolder) -> None:
    artifact = finished.artifact()
    assert artifact is not None
    kind, folder = artifact
    names = {path.name for path in folder.iterdir()}
    assert {"tokenizer.json", "tokenizer_config.json"} <= names
    whole = {"adapter": {"adapter_config.json", "adapter_model.safetensors"}, "model": {"config.json"}}
    assert whole[kind] <= names
    assert AutoTokenizer.from_pretrained(folder).chat_template


def test_the_recipe_that_is_left_asks_for_the_same_run(finished: RunFolder) -> None:
    recipe = finished.recipe()
    assert recipe.train.eval_steps == 1
    assert recipe.data.max_length == 256
    manifest = finished.manifest()
    assert manifest.base_model is not None
    assert set(manifest.base_model.weights_sha256) == {"model.safetensors"}
    assert (manifest.hardware.device, manifest.hardware.precision) == ("cpu", "fp32")


def test_other_libraries_load_the_result_and_compute_the_same(finished: RunFolder, tiny_model: Path) -> None:
    artifact = finished.artifact()
    assert artifact is not None
    kind, folder = artifact
    base: PreTrainedModel = AutoModelForCausalLM.from_pretrained(tiny_model)
    before = logits(base)
    if kind == "adapter":
        theirs = PeftModel.from_pretrained(base, str(folder)).eval()
    else:
        theirs = AutoModelForCausalLM.from_pretrained(folder)
    assert torch.equal(logits(load_engine(finished, FP32).model), logits(theirs))
    assert not torch.allclose(logits(theirs), before)


def test_the_tuned_model_answers(finished: RunFolder) -> None:
    engine = load_engine(finished, FP32)
    prompt = engine.tokenizer.render([{"role": "user", "content": "Hi"}], add_generation_prompt=True)
    [answer] = engine.generate([engine.tokenizer.encode(prompt)], Sampling(max_new_tokens=3))
    assert len(answer.ids) <= 3


# ── a run repeats ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("method", list(METHODS))
def test_one_seed_gives_one_result_to_the_bit(method: str, precision: str, tiny_model: Path, tmp_path: Path) -> None:
    runs = [
        finetune(make_recipe(tmp_path, tiny_model, method, name=name, precision=precision, max_steps=3))
        for name in ("first", "second")
    ]
    assert weight_bytes(runs[0]) == weight_bytes(runs[1])
    assert outcome(runs[0]) == outcome(runs[1])
    assert runs[0].manifest().recipe_sha256 == runs[1].manifest().recipe_sha256


def test_another_seed_gives_another_result(tiny_model: Path, tmp_path: Path) -> None:
    runs = [finetune(make_recipe(tmp_path, tiny_model, name=f"seed-{seed}", seed=seed, max_steps=2)) for seed in (0, 1)]
    assert weight_bytes(runs[0]) != weight_bytes(runs[1])


# ── a stopped run goes on ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("method", list(METHODS))
def test_a_run_that_was_stopped_ends_like_one_that_was_not(
    method: str, precision: str, tiny_model: Path, tmp_path: Path
) -> None:
    whole = finetune(make_recipe(tmp_path, tiny_model, method, name="whole", precision=precision))
    recipe = make_recipe(tmp_path, tiny_model, method, name="cut", precision=precision)
    with pytest.raises(Interrupted, match="step 4 of 6") as caught:
        finetune(recipe, Signalling(step=4))
    cut = RunFolder.open(tmp_path / "cut")
    assert caught.value.hint == f"tunewright resume {cut.path}"
    assert cut.state() == "interrupted"
    assert cut.artifact() is None
    torch.manual_seed(12345)
    resumed = resume(cut.path)
    assert resumed.state() == "finished"
    assert weight_bytes(resumed) == weight_bytes(whole)
    assert outcome(resumed) == outcome(whole)
    told = [[row.model_dump(exclude=set(OF_THE_MACHINE)) for row in run.metrics()] for run in (resumed, whole)]
    assert told[0] == told[1]
    starts = [event.resumed_from_step for event in resumed.events() if isinstance(event, RunStarted)]
    assert starts == [None, 4]


def test_a_run_stopped_before_its_first_step_begins_again(tiny_model: Path, tmp_path: Path) -> None:
    whole = finetune(make_recipe(tmp_path, tiny_model, name="whole"))
    with pytest.raises(Interrupted):
        finetune(make_recipe(tmp_path, tiny_model, name="cut"), Signalling(kind=RunStarted))
    resumed = resume(tmp_path / "cut")
    assert weight_bytes(resumed) == weight_bytes(whole)
    assert outcome(resumed) == outcome(whole)


def test_a_process_that_died_is_resumed_from_its_last_checkpoint(tiny_model: Path, tmp_path: Path) -> None:
    whole = finetune(make_recipe(tmp_path, tiny_model, name="whole", save_steps=2, eval_steps=6))

    class Dying(Silent):
        def on_metrics(self, row: MetricsRow) -> None:
            if row.step == 5:
                raise MemoryError

    with pytest.raises(MemoryError):
        finetune(make_recipe(tmp_path, tiny_model, name="cut", save_steps=2, eval_steps=6), Dying())
    assert RunFolder.open(tmp_path / "cut").state() == "failed"
    resumed = resume(tmp_path / "cut")
    assert weight_bytes(resumed) == weight_bytes(whole)
    assert [row.step for row in resumed.metrics()] == [1, 2, 3, 4, 5, 6]


def test_signal_handlers_are_put_back(tiny_model: Path, tmp_path: Path) -> None:
    former = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted):
        finetune(make_recipe(tmp_path, tiny_model), Signalling(step=1))
    assert signal.getsignal(signal.SIGINT) is former


def test_rows_that_changed_meanwhile_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        finetune(make_recipe(tmp_path, tiny_model), Signalling(step=2))
    write_rows(tmp_path / "rows.jsonl", 20, first=100)
    before = (tmp_path / "run" / "events.jsonl").read_bytes()
    with pytest.raises(DataError, match=r"rows.jsonl: has changed since the run began"):
        resume(tmp_path / "run")
    assert (tmp_path / "run" / "events.jsonl").read_bytes() == before


def test_a_finished_run_is_not_resumed(finished: RunFolder) -> None:
    with pytest.raises(RunError, match="the run is finished"):
        resume(finished.path)
    assert sum(isinstance(event, RunFinished) for event in finished.events()) == 1


def test_a_run_without_a_result_cannot_answer(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        finetune(make_recipe(tmp_path, tiny_model), Signalling(step=1))
    with pytest.raises(RunError, match="has no result yet"):
        load_engine(RunFolder.open(tmp_path / "run"), FP32)


# ── a run that cannot start ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_limit_beyond_the_context_is_refused_before_anything_is_written(tiny_model: Path, tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path, tiny_model)
    longer = recipe.model_copy(update={"data": recipe.data.model_copy(update={"max_length": 500})})
    with pytest.raises(RecipeError, match=r"data.max_length: 500 is more than the model's context of 256"):
        finetune(longer)
    assert not (tmp_path / "run").exists()


def test_a_folder_in_use_is_refused_before_anything_is_read(tiny_model: Path, tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path, tmp_path / "no-model")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(RunExistsError, match=r"thesis.txt"):
        finetune(recipe)


def test_without_held_out_rows_nothing_is_scored_and_the_run_ends_well(tiny_model: Path, tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path, tiny_model, max_steps=2)
    alone = recipe.model_copy(update={"data": recipe.data.model_copy(update={"validation_split": 0.0})})
    run = finetune(alone)
    assert run.state() == "finished"
    assert run.evaluation() is None
    assert summarise(run).verdict == ""
    assert run.report_path.is_file()


def test_a_model_without_template_is_tuned_and_served_with_the_same_one(tmp_path: Path) -> None:
    from tests.tiny import make_tiny_model

    model = make_tiny_model(tmp_path / "bare", chat_template=False)
    run = finetune(make_recipe(tmp_path, model, max_steps=2))
    notices = [json.loads(line) for line in run.events_path.read_text(encoding="utf-8").splitlines()]
    assert any("no chat template" in event.get("message", "") for event in notices)
    engine = load_engine(run, FP32)
    turns = [{"role": "user", "content": "Hi"}]
    assert engine.tokenizer.render(turns, add_generation_prompt=True) == "User: Hi\nAssistant:"
