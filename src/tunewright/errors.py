"""The one error tree: what can go wrong, said so that the reader can mend it.

Every message names the thing, the rule and the value; `hint` is the way out. `code` is stable: scripts, the API and
the documentation (`docs/reference/errors.md`) rely on it. The exit code of the command line and the status of the
HTTP API derive from the class, in the one table at the end of this file, and nowhere else.

    TunewrightError
    ├── RecipeError          what was asked for is not a valid Recipe
    ├── DataError            rows cannot be read, or none can be used
    ├── ModelError           a model, tokenizer or adapter cannot be loaded or does not fit
    ├── RunError             a run folder is missing, foreign, busy or damaged
    ├── StorageError         the disk is full or refuses to be written
    ├── TrainingError        the optimisation itself failed (a loss that is not a number)
    ├── MissingExtraError    an optional part of the installation is missing
    └── Interrupted          the user stopped the run; what was done is kept
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input: where it is, which rule it breaks, with which value, and the way out."""

    path: str
    rule: str
    value: str = ""
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.path}: {self.rule}" if self.path else self.rule
        if self.value:
            text += f", got {self.value}"
        return f"{text} → {self.hint}" if self.hint else text


class TunewrightError(Exception):
    """Root of the tree.

    Args:
        message: one sentence that names the thing, the rule and the value.
        hint: what to do now; one sentence or a command.
        faults: every single fault found, where one input holds several.
    """

    code = "internal"

    def __init__(self, message: str, *, hint: str = "", faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.faults = faults

    def as_dict(self) -> dict[str, object]:
        """Return the error for machines: `code`, `message`, `hint` and the list of faults."""
        faults = [{"path": f.path, "rule": f.rule, "value": f.value, "hint": f.hint} for f in self.faults]
        return {"code": self.code, "message": self.message, "hint": self.hint, "faults": faults}


class RecipeError(TunewrightError):
    """A Recipe, or a flag that becomes part of one, is not valid."""

    code = "recipe_invalid"


class DataError(TunewrightError):
    """Training or evaluation rows cannot be read or used."""

    code = "data_invalid"


class DataMissingError(DataError):
    """A data file does not exist or cannot be opened."""

    code = "data_missing"


class NoRowsError(DataError):
    """No row is left to train or to evaluate on."""

    code = "data_no_rows"


class RowTooLongError(DataError):
    """Rows exceed the length limit and the recipe does not say what to do with them."""

    code = "data_too_long"


class ModelError(TunewrightError):
    """A model cannot be loaded or does not fit its adapter or tokenizer."""

    code = "model_invalid"


class ModelMissingError(ModelError):
    """A model source does not exist, or lacks weights, configuration or tokenizer."""

    code = "model_missing"


class RunError(TunewrightError):
    """A run folder cannot be used as asked."""

    code = "run_invalid"


class RunMissingError(RunError):
    """The path holds no run."""

    code = "run_missing"


class RunExistsError(RunError):
    """The output folder already holds something that must not be overwritten."""

    code = "run_exists"


class RunLockedError(RunError):
    """Another process is writing the run."""

    code = "run_locked"


class StorageError(TunewrightError):
    """The storage refuses: no space, no permission, read-only."""

    code = "storage_failed"


class TrainingError(TunewrightError):
    """The optimisation failed: the loss or the gradients are not finite."""

    code = "training_diverged"


class GraderError(TunewrightError):
    """A grader cannot be made: the user's file, its function, or the judge it needs."""

    code = "grader_invalid"


class GateError(TunewrightError):
    """A measured value is beyond the limit that the user set."""

    code = "gate_failed"


class MissingExtraError(TunewrightError):
    """An optional dependency is missing."""

    code = "extra_missing"

    @classmethod
    def of(cls, extra: str, package: str) -> MissingExtraError:
        """Return the error for `package`, which the extra `extra` installs."""
        return cls(
            f"this needs the optional part '{extra}': the package {package} is not installed",
            hint=f"pip install 'tunewright[{extra}]'",
        )


class Interrupted(TunewrightError):  # noqa: N818 - not a fault: the user asked for it
    """The user stopped the run; a checkpoint was left."""

    code = "interrupted"


_EXIT_CODE_AND_HTTP_STATUS: dict[type[TunewrightError], tuple[int, int]] = {
    RecipeError: (2, 400),
    DataError: (3, 400),
    ModelError: (4, 400),
    ModelMissingError: (4, 404),
    RunError: (5, 409),
    RunMissingError: (5, 404),
    StorageError: (6, 507),
    TrainingError: (7, 500),
    GraderError: (9, 400),
    GateError: (10, 409),
    MissingExtraError: (8, 501),
    Interrupted: (130, 499),
    TunewrightError: (1, 500),
}


def _nearest(error: TunewrightError) -> tuple[int, int]:
    return next(_EXIT_CODE_AND_HTTP_STATUS[kind] for kind in type(error).__mro__ if kind in _EXIT_CODE_AND_HTTP_STATUS)


def exit_code(error: TunewrightError) -> int:
    """Return the exit code with which a command ends on `error`."""
    return _nearest(error)[0]


def http_status(error: TunewrightError) -> int:
    """Return the HTTP status with which an API answers on `error`."""
    return _nearest(error)[1]
