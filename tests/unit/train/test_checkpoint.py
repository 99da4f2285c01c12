"""A checkpoint brings back weights, optimiser and random state to the bit, or says that it is damaged."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.unit.train.small_net import make_net
from tunewright.errors import RunError, StorageError
from tunewright.runs.folder import RunFolder
from tunewright.spec.train import OptimizerSpec
from tunewright.train.checkpoint import (
    LoopState,
    free_one_checkpoint,
    load_checkpoint,
    load_weights,
    newest_whole,
    prune_checkpoints,
    save_checkpoint,
)
from tunewright.train.masters import MasterWeights
from tunewright.train.optimizer import make_optimizer
from tunewright.train.randomness import seed_everything

STATE = LoopState(step=7, tokens=99, seconds=1.5, best_step=6, best_value=0.25, stale=1)


def make(seed: int, dtype: torch.dtype = torch.float32) -> tuple[MasterWeights, torch.optim.Optimizer]:
    masters = MasterWeights(make_net(seed, dtype=dtype))
    return masters, make_optimizer(OptimizerSpec(), masters, 0.01)


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
    move(expected, make_optimizer(OptimizerSpec(), expected, 0.01), 1)
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
        load_checkpoint(saved, masters, make_optimizer(OptimizerSpec(), masters, 0.1))


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
    for step in (1, 2, 3, 4, 5, 6):
        run.checkpoint_path(step).mkdir(parents=True)
    prune_checkpoints(run, LoopState(step=6, best_step=2, anchors=[4, 5]))
    assert [checkpoint.step for checkpoint in run.checkpoints()] == [2, 4, 5, 6]
    prune_checkpoints(run, LoopState(step=6, best_step=5, anchors=[5]))
    assert [checkpoint.step for checkpoint in run.checkpoints()] == [5, 6]


# ── torn and altered checkpoints ─────────────────────────────────────────────────────────────────────────────────────


def save_all(run: RunFolder, best: dict[int, int | None]) -> None:
    masters, optimizer = make(0)
    move(masters, optimizer, 1)
    for step, best_step in best.items():
        save_checkpoint(run.checkpoint_path(step), LoopState(step=step, best_step=best_step), masters, optimizer)


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


FILES = ["weights.safetensors", "optimizer.pt", "random.pt", "state.json"]


@pytest.mark.parametrize("name", FILES)
def test_one_altered_bit_makes_the_one_before_it_the_newest(name: str, tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    save_all(run, {3: None, 6: None})
    assert newest_whole(run)[1] == []
    flip_a_bit(run.checkpoint_path(6) / name)
    newest, [damage] = newest_whole(run)
    assert newest is not None
    assert (newest.step, damage.checkpoint.step) == (3, 6)
    assert name in damage.reason


@pytest.mark.parametrize("name", [*FILES, "checksums.json"])
@pytest.mark.parametrize("content", [b"", b"{}", None], ids=["empty", "foreign", "missing"])
def test_a_torn_checkpoint_is_not_used(name: str, content: bytes | None, tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    save_all(run, {3: None})
    path = run.checkpoint_path(3) / name
    path.unlink() if content is None else path.write_bytes(content)
    newest, [damage] = newest_whole(run)
    assert newest is None
    assert name in damage.reason


def test_a_checkpoint_whose_best_weights_are_lost_is_not_used(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    save_all(run, {1: None, 3: 3, 6: 3})
    flip_a_bit(run.checkpoint_path(3) / "weights.safetensors")
    newest, damages = newest_whole(run)
    assert newest is not None
    assert newest.step == 1
    assert [damage.checkpoint.step for damage in damages] == [6, 3]
    assert "the best weights so far, those of step 3, are lost" in damages[0].reason


def test_pruning_leaves_each_kept_checkpoint_the_best_it_remembers(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    save_all(run, {1: None, 2: 2, 3: 2, 4: 2, 5: 5})
    prune_checkpoints(run, LoopState(step=5, best_step=5, anchors=[4, 5]))
    assert [checkpoint.step for checkpoint in run.checkpoints()] == [2, 4, 5]
    flip_a_bit(run.checkpoint_path(5) / "state.json")
    newest, _ = newest_whole(run)
    assert newest is not None
    assert newest.step == 4


def test_best_weights_that_were_altered_are_not_delivered(saved: Path) -> None:
    flip_a_bit(saved / "weights.safetensors")
    with pytest.raises(RunError, match="its checksum differs"):
        load_weights(saved, make(0)[0])


def test_room_is_made_by_the_oldest_that_the_newest_does_not_need(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    save_all(run, {1: 1, 2: 1, 3: 1})
    freed = free_one_checkpoint(run)
    assert freed is not None
    assert freed.step == 2
    assert free_one_checkpoint(run) is None
    assert [checkpoint.step for checkpoint in run.checkpoints()] == [1, 3]


def test_all_generators_go_on_from_a_checkpoint(tmp_path: Path) -> None:
    masters, optimizer = make(0)
    np.random.standard_normal()  # leaves the second half of a pair behind
    save_checkpoint(tmp_path / "c", STATE, masters, optimizer)
    expected = (random.random(), np.random.standard_normal(), float(torch.rand(1)))
    seed_everything(5)
    load_checkpoint(tmp_path / "c", masters, optimizer)
    assert (random.random(), np.random.standard_normal(), float(torch.rand(1))) == expected
