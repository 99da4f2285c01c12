"""The user's own grader: a function in a Python file that the recipe says may run.

`def grade(sample: dict, item: dict) -> float`, with the names that OpenAI's Python graders use. The file runs with all
rights of this process, so nothing is loaded unless `allow` is true; it is not sandboxed, and a function that never
returns keeps the process busy. What it does wrong is the row's failure with the line, never a crash.
"""

from __future__ import annotations

import copy
import hashlib
import inspect
import numbers
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from tunewright.errors import GraderError
from tunewright.graders.grade import Grade, GradeFailure, Item, Output
from tunewright.spec.grader import PythonSpec


class PythonFile:
    """Whatever the function returns: a number from 0 to 1, or `True` and `False` for 1 and 0.

    `sample` has `output_text`, `has_ended` and `num_tokens`; `item` has `reference`, `prompt` (messages), `metadata`
    and `tool_calls`, and each key of the metadata that is none of these. Every call gets fresh copies.

    Raises:
        GraderError: if the file may not run, is missing, cannot be loaded, or lacks such a function of two arguments.
    """

    def __init__(self, spec: PythonSpec) -> None:
        if spec.allow is not True:
            raise GraderError(f"{spec.path}: a file of yours runs only if you say so", hint="set allow: true")
        self._path = spec.path
        # A path that is absolute from the start: the function is called later, and the folder may be another by then.
        self._file = str(Path(spec.path).expanduser().absolute())
        module = _load(self._path, self._file)
        self._grade = _function(module, spec.function, self._path)
        self._name = spec.function

    def __call__(self, output: Output, item: Item, /) -> Grade:
        """Return the grade of `output`."""
        try:
            result = self._grade(_sample(output), _item(item))
            # Asked this way round, NaN is refused too.
            if isinstance(result, numbers.Real) and 0 <= cast(Any, result) <= 1:
                return float(result)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - the user's code: even sys.exit() in it is one row's failure
            return GradeFailure(_blame(error, self._path, self._file))
        return GradeFailure(f"{self._path}: {self._name} must return a number from 0 to 1, got {_shown(result)}")


def _load(path: str, file: str) -> ModuleType:
    try:
        code = compile(Path(file).read_bytes(), file, "exec", dont_inherit=True)
    except OSError as error:
        raise GraderError(
            f"{path}: the file of the grader cannot be read: {error.strerror or error}",
            hint="give the path of a Python file, relative to where the command runs",
        ) from error
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        place = f"line {line} of {path}" if line else path
        raise GraderError(
            f"{place}: this is not Python: {getattr(error, 'msg', error)}", hint=f"mend it; try: python {path}"
        ) from error
    module = ModuleType(
        "_tunewright_grader_" + hashlib.sha256(file.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    )
    module.__file__ = file
    # Dataclasses look their module up by its name.
    sys.modules[module.__name__] = module
    try:
        exec(code, module.__dict__)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the user's code: whatever it raises, loading it failed
        raise GraderError(_blame(error, path, file), hint=f"mend it; try: python {path}") from error
    return module


def _function(module: ModuleType, name: str, path: str) -> Callable[[dict[str, Any], dict[str, Any]], Any]:
    wanted = f"write one: def {name}(sample: dict, item: dict) -> float"
    function = getattr(module, name, None)
    if not callable(function):
        raise GraderError(f"{path}: has no function {name!r}", hint=wanted)
    if inspect.iscoroutinefunction(function):
        raise GraderError(f"{path}: {name} is async, and nobody would wait for it", hint=wanted)
    try:
        inspect.signature(function).bind({}, {})
    except TypeError as error:
        line = getattr(getattr(function, "__code__", None), "co_firstlineno", 1)
        raise GraderError(f"line {line} of {path}: {name} cannot take (sample, item): {error}", hint=wanted) from error
    return function


def _sample(output: Output) -> dict[str, Any]:
    return {"output_text": output.text, "has_ended": output.has_ended, "num_tokens": output.num_tokens}


def _item(item: Item) -> dict[str, Any]:
    # Our own keys last: metadata that happens to have a "reference" must not replace the real one.
    return {
        **copy.deepcopy(dict(item.meta)),
        "reference": item.reference,
        "prompt": [{"role": role, "content": text} for role, text in item.prompt],
        "metadata": copy.deepcopy(dict(item.meta)),
        "tool_calls": [copy.deepcopy(dict(call)) for call in item.tool_calls],
    }


def _blame(error: BaseException, path: str, file: str) -> str:
    """Return `line N of <path>: ZeroDivisionError: …`, N being the last line of the user's file on the way."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    place = f"line {lines[-1]} of {path}" if lines else path
    return f"{place}: {type(error).__name__}: {_shown(error, str)}"


def _shown(value: object, show: Callable[[object], str] = repr) -> str:
    try:
        text = " ".join(show(value).split())
    except Exception:  # noqa: BLE001 - the user's own __repr__ may raise, and a number may be too long for text
        text = type(value).__name__
    return text if len(text) <= 120 else f"{text[:119]}…"
