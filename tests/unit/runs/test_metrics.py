"""Rows of numbers survive crashes, divergence and resumption."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.errors import RunError, StorageError
from tunewright.runs.lines import LineWriter
from tunewright.runs.metrics import MetricsRow, metrics_line, read_metrics, truncate_after


def _write(path: Path, *steps: int) -> None:
    writer = LineWriter(path)
    for step in steps:
        writer.append(metrics_line(MetricsRow(step=step, train_loss=1 / (step + 1))))
    writer.close()


def _steps(path: Path) -> list[int]:
    return [row.step for row in read_metrics(path)]


@given(st.builds(MetricsRow, step=st.integers(0, 10**9), train_loss=st.floats(), grad_norm=st.none() | st.floats()))
def test_parse_undoes_write_and_no_number_is_nan(row: MetricsRow) -> None:
    assert MetricsRow.model_validate_json(metrics_line(row)) == row
    json.loads(metrics_line(row), parse_constant=pytest.fail)


def test_missing_file_has_no_rows(tmp_path: Path) -> None:
    assert read_metrics(tmp_path / "metrics.jsonl") == []


def test_row_is_on_disk_before_the_writer_closes(tmp_path: Path) -> None:
    writer = LineWriter(tmp_path / "m")
    writer.append(metrics_line(MetricsRow(step=1)))
    assert _steps(tmp_path / "m") == [1]
    writer.close()


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_torn_last_line_is_overlooked_and_mended(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "m"
    _write(path, 1, 2)
    path.write_bytes(path.read_bytes()[:-1][:-cut])
    assert _steps(path) == [1]
    _write(path, 2, 3)
    assert _steps(path) == [1, 2, 3]


def test_complete_last_line_without_its_end_counts(tmp_path: Path) -> None:
    path = tmp_path / "m"
    _write(path, 1, 2)
    path.write_bytes(path.read_bytes()[:-1])
    assert _steps(path) == [1, 2]
    _write(path, 3)
    assert _steps(path) == [1, 2, 3]


def test_damage_elsewhere_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "m"
    _write(path, 1, 2, 3)
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([lines[0], lines[1][:9], *lines[2:]]))
    with pytest.raises(RunError, match="m:2: "):
        read_metrics(path)


def test_resuming_drops_later_steps_only(tmp_path: Path) -> None:
    path = tmp_path / "m"
    _write(path, 1, 2, 3, 4)
    truncate_after(path, 2)
    _write(path, 3)
    assert _steps(path) == [1, 2, 3]


class _FillsUp:
    """A raw file on a disk that has room for ten bytes of the next line."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._room = 10

    def write(self, data: memoryview) -> int:
        if self._room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self._file.write(data[: self._room])
        self._room -= written
        return written

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


def test_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m"
    _write(path, 1)
    before = path.read_bytes()
    writer = LineWriter(path)
    writer.close()
    monkeypatch.setattr(writer, "_file", _FillsUp(path))
    with pytest.raises(StorageError, match="no space is left"):
        writer.append(metrics_line(MetricsRow(step=2)))
    writer.close()
    assert path.read_bytes() == before
