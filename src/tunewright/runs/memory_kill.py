"""Whether the process that wrote a run before was killed because the machine had no memory left.

A kernel that runs out of memory kills with SIGKILL, so the victim can say nothing. Linux counts such kills: by control
group (`memory.events`, or `memory.oom_control` in version 1) and for the whole machine (`/proc/vmstat`). A process
notes the counts in `running.json` when it begins, and removes the note when it ends by itself; who finds the note
compares. Elsewhere nothing is counted, and the answer is no. Does not know what is done about it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from tunewright.runs.atomic import storage_guard, write_json

NOTE_NAME = "running.json"
_CONTROL_GROUPS = Path("sys/fs/cgroup")
_ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class KillCounts:
    """Kills for want of memory since the machine started; None where nobody counts.

    `group` is the file that counts for this process's control group, empty where there is none.
    """

    boot_id: str = ""
    machine: int | None = None
    group: str = ""
    in_group: int | None = None


def note_running(folder: Path, root: Path = _ROOT) -> None:
    """Leave the note of a process that begins to write the run in `folder`.

    Raises:
        StorageError: if it cannot be written.
    """
    write_json(folder / NOTE_NAME, asdict(read_counts(root)))


def note_ended(folder: Path) -> None:
    """Remove the note: this process ends by itself, whatever ended it."""
    with storage_guard(folder / NOTE_NAME):
        (folder / NOTE_NAME).unlink(missing_ok=True)


def was_killed_for_memory(folder: Path, root: Path = _ROOT) -> bool:
    """Return whether the last process that wrote the run left its note, and such kills were counted since.

    The count of its own control group decides where it can still be read; that of the machine may be another's kill,
    and is believed only where there is no better one.
    """
    try:
        former = KillCounts(**orjson.loads((folder / NOTE_NAME).read_bytes()))
    except (OSError, ValueError, TypeError):
        return False
    if not former.boot_id or former.boot_id != _read(root / "proc/sys/kernel/random/boot_id"):
        return False
    in_group = _count(root / former.group) if former.group else None
    if in_group is not None and former.in_group is not None:
        return in_group > former.in_group
    machine = _count(root / "proc/vmstat")
    return machine is not None and former.machine is not None and machine > former.machine


def read_counts(root: Path = _ROOT) -> KillCounts:
    """Return what is counted now, below `root`, the file system's root."""
    group = _group_file(root)
    return KillCounts(
        boot_id=_read(root / "proc/sys/kernel/random/boot_id"),
        machine=_count(root / "proc/vmstat"),
        group=group.relative_to(root).as_posix() if group is not None else "",
        in_group=_count(group) if group is not None else None,
    )


def _group_file(root: Path) -> Path | None:
    """Return the file that counts for this process's control group: version 2 first, then version 1."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        places = {"": (_CONTROL_GROUPS, "memory.events"), "memory": (_CONTROL_GROUPS / "memory", "memory.oom_control")}
        if controllers not in places:
            continue
        above, name = places[controllers]
        file = root / above / path.lstrip("/") / name
        if _count(file) is not None:
            return file
    return None


def _count(file: Path) -> int | None:
    words = (line.split() for line in _read(file).splitlines())
    found = [pair[1] for pair in words if len(pair) == 2 and pair[0] == "oom_kill"]
    with suppress(IndexError, ValueError):
        return int(found[0])
    return None


def _read(file: Path) -> str:
    with suppress(OSError):
        return file.read_text(encoding="utf-8", errors="replace").strip()
    return ""
