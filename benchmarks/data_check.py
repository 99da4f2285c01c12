"""How fast `check` reads good chat rows, and how much memory it needs: one process of its own for each measurement.

    python benchmarks/data_check.py --megabytes 100

Prints MB/s, microseconds a row and the peak of the process, for the reader alone and for the whole check.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from data_rows import write_rows

from tunewright.data.check import check
from tunewright.data.read import open_source
from tunewright.spec.data import SourceSpec


def measure(path: str, what: str) -> dict[str, float]:
    """Return seconds, rows and peak megabytes of one pass in this process."""
    source = open_source(SourceSpec(path=path))
    started, began = time.perf_counter(), time.process_time()
    rows = sum(1 for _ in source.records()) if what == "read" else check([source]).num_rows
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "rows": rows, "peak_mb": peak}


def main() -> None:
    """Parse the command line, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--row-bytes", type=int, action="append")
    parser.add_argument("--one", nargs=2, metavar=("FILE", "WHAT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(*arguments.one)))
        return
    for row_bytes in arguments.row_bytes or [200, 1000]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.jsonl"
            write_rows(path, arguments.megabytes * 10**6, row_bytes)
            size = path.stat().st_size
            for what in ("read", "check"):
                command = [sys.executable, __file__, "--one", str(path), what]
                done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                micros = {each: done[each] / done["rows"] * 1e6 for each in ("seconds", "cpu_seconds")}
                print(
                    f"{size / done['rows']:6.0f} B/row  {what:5}  {size / 1e6 / done['seconds']:6.0f} MB/s  "
                    f"{micros['seconds']:5.2f} µs/row, CPU {micros['cpu_seconds']:5.2f}  peak {done['peak_mb']:5.0f} MB"
                )


if __name__ == "__main__":
    main()
