"""`python -m tunewright.jobs <run folder>`: go on with the run of a folder; how every target starts a job."""

from __future__ import annotations

import sys
from pathlib import Path

from tunewright.errors import TunewrightError, exit_code
from tunewright.jobs.train import resume


def main(arguments: list[str]) -> int:
    """Run the job of the folder in `arguments` and return the exit code."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m tunewright.jobs <run folder>\n")
        return 2
    try:
        resume(Path(arguments[0]))
    except TunewrightError as error:
        sys.stderr.write(f"{error.code}: {error.message}\n")
        return exit_code(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
