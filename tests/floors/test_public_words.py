"""Nothing that we publish speaks of the machine it was built on: no absolute path of a build machine in any text file.

Looks at what git tracks or would track; in an unpacked archive without git, at every file outside hidden folders.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.floors.source import REPO, write_tree

# Written in pieces, so that this file passes its own test.
MACHINE_FOLDERS = ("work", "root", "tmp/v", "tmp/v_[a-z]+", "opt/wheels", "opt/pypi[a-z-]*")
# A path starts here: not the middle of an address (https://host/work/…) nor of a relative path (../work/…).
MACHINE_PATH = re.compile(r"(?<![\w.)}$~-])/(?:" + "|".join(MACHINE_FOLDERS) + r")/")


def find_machine_paths(root: Path) -> list[str]:
    """Report each line of a published text file that names a folder of a build machine."""
    return [
        f"{path.relative_to(root)}:{number}: {match.group()}"
        for path in _published_files(root)
        for number, line in enumerate(_text(path).splitlines(), start=1)
        if (match := MACHINE_PATH.search(line))
    ]


def test_no_published_file_names_a_build_machine() -> None:
    faults = find_machine_paths(REPO)
    assert not faults, "\n".join(faults)


def test_machine_paths_are_found_and_addresses_are_not(tmp_path: Path) -> None:
    slash = "/"
    wrong = [f"{slash}{folder}{slash}x" for folder in ("work", "root", "tmp/v", "tmp/v_check", "opt/wheels")]
    right = ["https://example.org/work/x", "../work/x", "home/root/x", "$HOME/work/x", "and/or", "/tmp/values/x"]
    assert len(find_machine_paths(write_tree(tmp_path / "wrong", {"a.md": "\n".join(wrong)}))) == len(wrong)
    assert find_machine_paths(write_tree(tmp_path / "right", {"a.md": "\n".join(right)})) == []


def test_hidden_folders_and_binary_files_are_not_read_without_git(tmp_path: Path) -> None:
    path = "".join(["/", "work", "/"])
    tree = write_tree(tmp_path, {".venv/a.py": path, ".ci/run": path, "model.bin": f"\0{path}", "a.txt": path})
    assert [fault.partition(":")[0] for fault in find_machine_paths(tree)] == [".ci/run", "a.txt"]


def _published_files(root: Path) -> list[Path]:
    # safe.directory: a checkout in a container often belongs to another user. Only names are read.
    git = ["git", "-c", f"safe.directory={root}", "-C", str(root), "ls-files", "-z"]
    if (root / ".git").exists():
        listed = subprocess.run(
            [*git, "--cached", "--others", "--exclude-standard"], check=True, capture_output=True, text=True
        )
        found = {root / name for name in listed.stdout.split("\0") if name}
    else:
        found = {path for path in root.rglob("*") if not _in_hidden_folder(path.relative_to(root))}
    return sorted(path for path in found if path.is_file())


def _in_hidden_folder(where: Path) -> bool:
    return any((part.startswith(".") and part != ".ci") or part == "__pycache__" for part in where.parts[:-1])


def _text(path: Path) -> str:
    content = path.read_bytes()
    return "" if b"\0" in content else content.decode("utf-8", errors="replace")
