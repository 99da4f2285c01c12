"""Check one file and print seconds, rows and the peak memory as JSON: a process of its own, and nothing else in it.

python benchmarks/check_once.py rows.jsonl
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from tunewright.data.checking.check import check
from tunewright.data.read import open_source
from tunewright.spec.data import SourceSpec


def peak_mb() -> float:
    """Return the most memory that this process has held; on Linux not that of the process which started it."""
    status = Path("/proc/self/status")
    if status.exists():
        [line] = [line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def check_once(path: str) -> dict[str, float]:
    """Return seconds, rows and peak megabytes of one check in this process."""
    source = open_source(SourceSpec(path=path))
    began, began_cpu = time.perf_counter(), time.process_time()
    num_rows = check([source]).num_rows
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - began_cpu,
        "rows": num_rows,
        "peak_mb": peak_mb(),
    }


if __name__ == "__main__":
    print(json.dumps(check_once(sys.argv[1])))
