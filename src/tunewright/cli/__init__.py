"""How does a person at a terminal, or a script, ask for all this? Thin verbs; every heavy import waits inside one.

`main` is the one place where a command ends: it knows every way in which one can, and no verb.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; nothing but `SystemExit` of an embedding program passes through.

    `--debug` may stand anywhere: it shows the traceback of whatever goes wrong.
    """
    from tunewright.cli.ending import STOPPED_CODE, end_with, finish_output, own_ctrl_c, prepare_output

    given = list(sys.argv[1:] if arguments is None else arguments)
    debug, as_json = "--debug" in given, "--json" in given
    given = [argument for argument in given if argument != "--debug"]
    prepare_output(as_json=as_json)
    try:
        with own_ctrl_c():
            from tunewright.cli.app import app

            code = app(args=given or ["--help"], prog_name="tunewright", standalone_mode=False)
        if code == STOPPED_CODE:
            # typer keeps a Ctrl-C to itself and leaves only its exit code.
            raise KeyboardInterrupt
        return finish_output(code if isinstance(code, int) else 0)
    except SystemExit as error:
        return finish_output(error.code if isinstance(error.code, int) else 1)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the edge: every ending has one clear line
        return finish_output(end_with(error, debug=debug, as_json=as_json))
