"""A kill for want of memory is recognised by the kernel's own counts, and nothing else is taken for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewright.runs.memory_kill import NOTE_NAME, note_ended, note_running, read_counts, was_killed_for_memory

V2 = ("0::/job", "sys/fs/cgroup/job/memory.events", "low 0\noom 4\noom_kill {}\n")
V1 = ("4:memory:/job\n0::/", "sys/fs/cgroup/memory/job/memory.oom_control", "under_oom 0\noom_kill {}\n")


class Machine:
    """The files by which Linux tells, below a folder that stands for `/`."""

    def __init__(self, root: Path, groups: tuple[str, str, str] | None) -> None:
        self.root, self.groups = root, groups
        self.write("proc/sys/kernel/random/boot_id", "first\n")
        self.count(machine=5, group=2)

    def count(self, *, machine: int, group: int) -> None:
        self.write("proc/vmstat", f"nr_free 9\noom_kill {machine}\n")
        if self.groups is not None:
            self.write("proc/self/cgroup", self.groups[0])
            self.write(self.groups[1], self.groups[2].format(group))

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.mark.parametrize("groups", [V1, V2], ids=["v1", "v2"])
def test_the_count_of_the_own_group_decides(groups: tuple[str, str, str], run: Path, tmp_path: Path) -> None:
    machine = Machine(tmp_path, groups)
    note_running(run, tmp_path)
    assert read_counts(tmp_path).in_group == 2
    assert not was_killed_for_memory(run, tmp_path)
    machine.count(machine=9, group=2)
    assert not was_killed_for_memory(run, tmp_path), "another group's process was killed"
    machine.count(machine=9, group=3)
    assert was_killed_for_memory(run, tmp_path)


def test_without_a_group_the_count_of_the_machine_decides(run: Path, tmp_path: Path) -> None:
    machine = Machine(tmp_path, None)
    note_running(run, tmp_path)
    assert not was_killed_for_memory(run, tmp_path)
    machine.count(machine=6, group=0)
    assert was_killed_for_memory(run, tmp_path)


def test_counts_of_before_a_restart_say_nothing(run: Path, tmp_path: Path) -> None:
    machine = Machine(tmp_path, V2)
    note_running(run, tmp_path)
    machine.count(machine=9, group=9)
    machine.write("proc/sys/kernel/random/boot_id", "second\n")
    assert not was_killed_for_memory(run, tmp_path)


def test_a_process_that_ended_by_itself_was_not_killed(run: Path, tmp_path: Path) -> None:
    machine = Machine(tmp_path, V2)
    note_running(run, tmp_path)
    note_ended(run)
    note_ended(run)
    machine.count(machine=9, group=9)
    assert not was_killed_for_memory(run, tmp_path)


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"odd": 1}'])
def test_a_note_that_is_torn_says_nothing(content: bytes, run: Path, tmp_path: Path) -> None:
    Machine(tmp_path, V2)
    (run / NOTE_NAME).write_bytes(content)
    assert not was_killed_for_memory(run, tmp_path)


def test_where_nothing_is_counted_the_answer_is_no(run: Path, tmp_path: Path) -> None:
    note_running(run, tmp_path)
    assert not was_killed_for_memory(run, tmp_path)
