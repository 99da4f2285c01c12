"""What frozen layers make of a row is computed once; losses, weights and a resumed run are the same as without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from tests.unit.train.small_net import make_net, make_runner, make_token_rows
from tunewright.data.forest import Forest
from tunewright.errors import Interrupted
from tunewright.methods.lora import Lora
from tunewright.models.forest import ForestTensors, to_tensors
from tunewright.models.frozen import FrozenStates, first_learning_layer
from tunewright.objectives.causal_lm import CausalLm
from tunewright.runs.folder import RunFolder
from tunewright.runs.metrics import OF_THE_MACHINE
from tunewright.runs.recorder import Recorder, Silent
from tunewright.spec.method import LoraSpec
from tunewright.spec.objective import CausalLmSpec
from tunewright.spec.recipe import Recipe
from tunewright.spec.train import TrainSpec
from tunewright.train.loop import Loop, LoopInput

ROWS = make_token_rows(10, seed=2)
NUM_STEPS, STEPS_AN_EPOCH = 9, 3


def make_model(layers: str | None = "last:1", dtype: torch.dtype = torch.float32, dropout: float = 0.0) -> Any:
    model = make_net(dtype=dtype, dropout=dropout)
    torch.manual_seed(1)
    return Lora(LoraSpec(rank=4, layers=layers)).apply(model)


def make_loop(path: Path, model: PreTrainedModel, *, keeps: bool = True, stop_after: int | None = None) -> Loop:
    run = RunFolder.open(path) if path.exists() else RunFolder.create(path, Recipe())
    spec = TrainSpec(learning_rate=0.01, batch_size=4, save_steps=2, eval_steps=100, epochs=3)
    hardware = spec.hardware.model_copy(update={"keep_frozen_states": keeps})
    loop = Loop(
        LoopInput(
            model=make_runner(model),
            objective=CausalLm(CausalLmSpec()),
            rows=ROWS,
            source_sizes=(len(ROWS),),
            source_weights=(1.0,),
            spec=spec.model_copy(update={"hardware": hardware}),
            num_steps=NUM_STEPS,
            validate=None,
            should_stop=lambda: stop_after is not None and loop.state.step >= stop_after,
        ),
        Recorder(run, Silent()),
    )
    return loop


def run(loop: Loop, resume_from: Path | None = None) -> list[dict[str, Any]]:
    with loop.recorder.run as folder:
        loop.run(resume_from)
        return [row.model_dump(exclude=set(OF_THE_MACHINE)) for row in folder.metrics()]


def adapters(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters() if weight.requires_grad}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_training_is_the_same_and_lower_layers_are_computed_in_one_epoch_only(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    plain, keeping = make_model(dtype=dtype), make_model(dtype=dtype)
    calls: list[int] = []
    keeping.get_input_embeddings().register_forward_hook(lambda *_: calls.append(1))
    expected = run(make_loop(tmp_path / "plain", plain, keeps=False))
    rows = run(make_loop(tmp_path / "keeping", keeping))
    limit = 1e-5 if dtype == torch.float32 else 2e-2
    for row, other in zip(rows, expected, strict=True):
        assert row["train_loss"] == pytest.approx(other["train_loss"], rel=limit)
    assert len(calls) == STEPS_AN_EPOCH
    assert not (tmp_path / "keeping" / "cache").exists()
    if dtype == torch.float32:
        for name, weight in adapters(keeping).items():
            torch.testing.assert_close(weight, adapters(plain)[name], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("stop_after", [1, 2, 4, 7])
def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(tmp_path: Path, stop_after: int) -> None:
    whole = make_model(dtype=torch.bfloat16)
    expected = run(make_loop(tmp_path / "whole", whole))
    with pytest.raises(Interrupted):
        run(make_loop(tmp_path / "cut", make_model(dtype=torch.bfloat16), stop_after=stop_after))
    fresh = make_model(dtype=torch.bfloat16)
    newest = RunFolder.open(tmp_path / "cut").checkpoints()[-1].path
    assert run(make_loop(tmp_path / "cut", fresh), newest) == expected
    assert all(torch.equal(weight, adapters(whole)[name]) for name, weight in adapters(fresh).items())


def test_what_steps_after_the_checkpoint_kept_is_forgotten(tmp_path: Path) -> None:
    states = FrozenStates(tmp_path, ROWS, make_model())
    loop = make_loop(tmp_path / "run", make_model())
    [forest] = loop._micro_batches(range(len(ROWS)), 10_000)
    tensors = _tensors(forest)
    for step, kept in ((3, True), (5, False)):
        states.now = step
        states.keep(tensors, torch.randn(tensors.forest.num_tokens, 32))
        states.forget_after(4)
        assert (states.read(tensors) is not None) == kept


def test_what_was_kept_is_read_back_to_the_bit_in_another_forest(tmp_path: Path) -> None:
    loop = make_loop(tmp_path / "run", make_model())
    states = FrozenStates(tmp_path / "states", ROWS, make_model())
    everything = [_tensors(forest) for forest in loop._micro_batches(range(len(ROWS)), 10_000)]
    written = torch.randn(everything[0].forest.num_tokens, 32)
    states.keep(everything[0], written)
    for row in range(len(ROWS)):
        [forest] = loop._micro_batches([row], 10_000)
        last = int(everything[0].forest.targets.query_index[everything[0].forest.target_row == row].max())
        path = slice(last + 1 - forest.num_tokens, last + 1)
        read = states.read(_tensors(forest))
        assert read is not None
        assert torch.equal(read[: forest.num_tokens], written[path])
        # What fills up is no row's, and must not be whatever lay in memory.
        assert not read[forest.num_tokens :].any()


@pytest.mark.parametrize(
    ("model", "reason"),
    [(make_model(layers=None), "lowest layer learns"), (make_model(dropout=0.1), "dropout")],
)
def test_where_states_cannot_be_kept_a_notice_says_why_and_training_goes_on(
    tmp_path: Path, model: PreTrainedModel, reason: str
) -> None:
    loop = make_loop(tmp_path / "run", model)
    run(loop)
    assert any(reason in getattr(event, "message", "") for event in RunFolder.open(tmp_path / "run").events())


def test_the_first_layer_that_learns_is_found() -> None:
    assert first_learning_layer(make_model()) == 1
    assert first_learning_layer(make_model(layers=None)) == 0
    assert first_learning_layer(make_net().requires_grad_(False)) == 2


def _tensors(forest: Forest) -> ForestTensors:
    return to_tensors(forest, "cpu")
