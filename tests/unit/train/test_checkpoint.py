"""A checkpoint brings back weights, optimiser and random state to the bit, or says that it is damaged."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from tests.unit.train.small_net import make_net
from tunewright.errors import RunError, StorageError
from tunewright.runs.folder import RunFolder
from tunewright.spec.train import OptimizerSpec
from tunewright.train.checkpoint import LoopState, load_checkpoint, load_weights, prune_checkpoints, save_checkpoint
from tunewright.train.masters import MasterWeights
from tunewright.train.optimizer import make_optimizer

STATE = LoopState(step=7, tokens=99, seconds=1.5, best_step=6, best_loss=0.25, stale=1)


def make(seed: int, dtype: torch.dtype = torch.float32) -> tuple[MasterWeights, torch.optim.Optimizer]:
    masters = MasterWeights(make_net(seed, dtype=dtype))
    return masters, make_optimizer(OptimizerSpec(), masters.tensors.values(), 0.01)


def move(masters: MasterWeights, optimizer: torch.optim.Optimizer, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for tensor in masters.tensors.values():
        tensor.grad = torch.randn(tensor.shape, generator=generator)
    optimizer.step()
    masters.clear_gradients()
    masters.publish()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    masters, optimizer = make(0)
    move(masters, optimizer, 1)
    save_checkpoint(tmp_path / "step-000007", STATE, masters, optimizer)
    return tmp_path / "step-000007"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_follows_a_checkpoint_is_the_same_to_the_bit(dtype: torch.dtype, tmp_path: Path) -> None:
    first, optimizer = make(0, dtype)
    move(first, optimizer, 1)
    save_checkpoint(tmp_path / "c", STATE, first, optimizer)
    random = torch.rand(3)
    move(first, optimizer, 2)

    second, other = make(5, dtype)
    torch.manual_seed(123)
    assert load_checkpoint(tmp_path / "c", second, other) == STATE
    assert torch.equal(torch.rand(3), random)
    move(second, other, 2)
    assert all(torch.equal(tensor, second.tensors[name]) for name, tensor in first.tensors.items())


def test_weights_can_be_taken_up_alone(saved: Path) -> None:
    masters, optimizer = make(5)
    load_weights(saved, masters)
    expected, _ = make(0)
    move(expected, make_optimizer(OptimizerSpec(), expected.tensors.values(), 0.01), 1)
    assert all(torch.equal(tensor, expected.tensors[name]) for name, tensor in masters.tensors.items())
    assert not optimizer.state


@pytest.mark.parametrize("content", [b"", b"torn", None], ids=["empty", "torn", "missing"])
@pytest.mark.parametrize("name", ["weights.safetensors", "optimizer.pt", "random.pt", "state.json"])
def test_a_damaged_checkpoint_is_named_with_the_way_out(saved: Path, name: str, content: bytes | None) -> None:
    (saved / name).unlink() if content is None else (saved / name).write_bytes(content)
    with pytest.raises(RunError, match="step-000007: cannot be taken up") as caught:
        load_checkpoint(saved, *make(0))
    assert "delete step-000007" in caught.value.hint


def test_a_half_written_file_is_damage_too(saved: Path) -> None:
    for name in ("weights.safetensors", "optimizer.pt"):
        whole = (saved / name).read_bytes()
        (saved / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(RunError, match="cannot be taken up"):
            load_checkpoint(saved, *make(0))
        (saved / name).write_bytes(whole)


def test_a_best_checkpoint_that_is_gone_is_named(saved: Path) -> None:
    (saved / "weights.safetensors").unlink()
    with pytest.raises(RunError, match="step-000007: cannot be taken up"):
        load_weights(saved, make(0)[0])


def test_a_checkpoint_of_another_model_is_refused(saved: Path) -> None:
    module = torch.nn.Linear(3, 2)
    masters = MasterWeights(module)
    with pytest.raises(RunError, match="cannot be taken up"):
        load_checkpoint(saved, masters, make_optimizer(OptimizerSpec(), masters.tensors.values(), 0.1))


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
@pytest.mark.parametrize("room", [0.5, 1.5], ids=["within the weights", "within the optimiser"])
def test_a_disk_that_is_full_leaves_no_checkpoint_and_says_so(room: float, tmp_path: Path) -> None:
    import resource

    masters, optimizer = make(0)
    move(masters, optimizer, 1)
    num_bytes = 4 * sum(tensor.numel() for tensor in masters.tensors.values())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(room * num_bytes), limits[1]))
    try:
        with pytest.raises(StorageError, match="cannot be written"):
            save_checkpoint(tmp_path / "step-000008", STATE, masters, optimizer)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_pruning_keeps_the_newest_and_the_best(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    for step in (1, 2, 3, 4, 5):
        run.checkpoint_path(step).mkdir(parents=True)
    prune_checkpoints(run, 2, best_step=2)
    assert [checkpoint.step for checkpoint in run.checkpoints()] == [2, 4, 5]
    prune_checkpoints(run, 1, best_step=5)
    assert [checkpoint.step for checkpoint in run.checkpoints()] == [5]
