"""`python -m tunewright …`: the command line where the `tunewright` script is not on the PATH. Knows no verb."""

from __future__ import annotations

import sys

from tunewright.cli import main

if __name__ == "__main__":
    sys.exit(main())
