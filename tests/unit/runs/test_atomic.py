"""Writing is all or nothing, and a storage that refuses is named."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tunewright.errors import StorageError
from tunewright.runs.atomic import (
    remove_folder,
    remove_leftovers,
    replace_folder,
    storage_guard,
    write_bytes,
    write_json,
    write_text,
)


def test_content_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    write_text(path, "né\n")
    assert path.read_bytes() == "né\n".encode()
    assert os.listdir(tmp_path) == ["a.txt"]


def test_json_has_null_for_what_is_not_finite(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": float("nan"), "y": float("inf"), "z": 1})
    assert (tmp_path / "a.json").read_text() == '{\n  "x": null,\n  "y": null,\n  "z": 1\n}\n'


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_failing_write_leaves_the_old_file(failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, failing, refuse)
    with pytest.raises(StorageError, match=r"a\.txt: cannot be written: no space is left") as caught:
        write_bytes(path, b"new")
    assert "--output" in caught.value.hint
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a device that is always full")
def test_full_device_is_a_storage_error() -> None:
    path = Path("/dev/full")
    with pytest.raises(StorageError, match="/dev/full: cannot be written: no space is left"), storage_guard(path):
        path.write_bytes(b"x")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root and Windows may write to a read-only folder")
def test_read_only_folder_is_a_storage_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageError, match="permission denied"):
            write_text(tmp_path / "a.txt", "x")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.EROFS, "the file system is read-only"),
        (errno.EACCES, "permission denied"),
        (errno.ENOSPC, "no space is left on the device"),
        (errno.EBADF, os.strerror(errno.EBADF)),
    ],
)
def test_every_refusal_names_path_cause_and_way_out(number: int, cause: str) -> None:
    with pytest.raises(StorageError) as caught, storage_guard(Path("x/y")):
        raise OSError(number, os.strerror(number))
    assert caught.value.message == f"{Path('x/y')}: cannot be written: {cause}"
    assert caught.value.hint


def test_other_errors_pass_the_guard_unchanged() -> None:
    with pytest.raises(ZeroDivisionError), storage_guard(Path("x")):
        raise ZeroDivisionError


def test_folder_has_its_name_only_when_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "step-1"
    with replace_folder(path) as temp:
        (temp / "a").write_text("1")
        assert not path.exists()
    assert (path / "a").read_text() == "1"
    assert os.listdir(path.parent) == ["step-1"]


def test_folder_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "step-1"
    for name in ("old", "new"):
        with replace_folder(path) as temp:
            (temp / name).write_text(name)
    assert os.listdir(path) == ["new"]
    assert os.listdir(tmp_path) == ["step-1"]


@pytest.mark.parametrize(
    ("error", "expected"), [(KeyboardInterrupt(), KeyboardInterrupt), (OSError(28, ""), StorageError)]
)
def test_failing_body_leaves_the_old_folder(
    error: BaseException, expected: type[BaseException], tmp_path: Path
) -> None:
    path = tmp_path / "step-1"
    with replace_folder(path) as temp:
        (temp / "old").write_text("old")

    def fail_half_way() -> None:
        with replace_folder(path) as temp:
            (temp / "half").write_text("half")
            raise error

    with pytest.raises(expected):
        fail_half_way()
    assert os.listdir(path) == ["old"]
    assert os.listdir(tmp_path) == ["step-1"]


def test_old_folder_returns_when_the_new_one_cannot_move_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "step-1"
    with replace_folder(path) as temp:
        (temp / "old").write_text("old")
    real, calls = os.replace, []

    def refuse_second(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) == 2:
            raise OSError(errno.EIO, "")
        real(source, target)

    monkeypatch.setattr(os, "replace", refuse_second)
    with pytest.raises(StorageError), replace_folder(path) as temp:
        (temp / "new").write_text("new")
    assert os.listdir(path) == ["old"]
    assert os.listdir(tmp_path) == ["step-1"]


def test_of_two_writers_of_one_folder_the_faster_stays_and_nothing_else_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "folder"
    with replace_folder(path) as folder:
        (folder / "file").write_text("old", encoding="utf-8")
    real = os.replace

    def slow(source: Path, target: Path) -> None:
        if target == path and not path.exists():
            # Between our two renames another process moves its own folder in.
            path.mkdir()
            (path / "file").write_text("theirs", encoding="utf-8")
        real(source, target)

    monkeypatch.setattr(os, "replace", slow)
    with pytest.raises(StorageError), replace_folder(path) as folder:
        (folder / "file").write_text("ours", encoding="utf-8")
    assert (path / "file").read_text(encoding="utf-8") == "theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_leftovers_of_a_killed_writer_are_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "checkpoints" / ".step-1.00ff.tmp").mkdir(parents=True)
    (tmp_path / "checkpoints" / ".step-1.00ff.tmp" / ".x.1.tmp").write_text("half")
    (tmp_path / ".recipe.yaml.00ff.tmp").write_text("half")
    (tmp_path / "keep.tmp").write_text("kept")
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["checkpoints", "keep.tmp"]


def test_folder_is_removed(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    remove_folder(tmp_path / "a")
    assert os.listdir(tmp_path) == []
    with pytest.raises(StorageError):
        remove_folder(tmp_path / "a")
