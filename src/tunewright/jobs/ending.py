"""How a run ended, written down whatever ended it: finished, paused, interrupted or failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tunewright.errors import Interrupted, StorageError, TunewrightError
from tunewright.jobs.stop import StopRequest
from tunewright.runs.atomic import storage_error
from tunewright.runs.events import RunFailed, RunInterrupted, RunPaused
from tunewright.runs.memory_kill import note_ended
from tunewright.runs.recorder import Recorder


@contextmanager
def ending_recorded(recorder: Recorder, stop: StopRequest) -> Iterator[None]:
    """Write how the run ended, whatever ended it, and let the error pass; a pause that was asked for is no error."""
    try:
        yield
    except (Interrupted, KeyboardInterrupt) as error:
        if isinstance(error, Interrupted) and stop.pause_reason:
            _record_pause(recorder, stop.pause_reason)
            return
        _record_interruption(recorder)
        message = error.message if isinstance(error, Interrupted) else "stopped at once"
        raise Interrupted(message, hint=_way_on(recorder)) from None
    except StorageError as error:
        raise _paused_by_storage(recorder, error) from error
    except TunewrightError as error:
        _record_failure(recorder, error)
        raise
    except OSError as error:
        raise _paused_by_storage(recorder, storage_error(recorder.run.path, error)) from error
    except Exception as error:
        _record_failure(
            recorder, TunewrightError(f"{type(error).__name__}: {error}", hint="this is a defect: --debug shows where")
        )
        raise
    finally:
        with suppress(StorageError):
            note_ended(recorder.run.path)


def _way_on(recorder: Recorder) -> str:
    return f"tunewright resume {recorder.run.path}"


def _last_step(recorder: Recorder) -> int:
    checkpoints = recorder.run.checkpoints()
    return checkpoints[-1].step if checkpoints else 0


def _record_pause(recorder: Recorder, reason: str) -> None:
    recorder.event(RunPaused(step=_last_step(recorder), reason=reason, hint=_way_on(recorder)))


def _record_interruption(recorder: Recorder) -> None:
    recorder.event(RunInterrupted(step=_last_step(recorder), hint=_way_on(recorder)))


def _paused_by_storage(recorder: Recorder, error: StorageError) -> StorageError:
    """Pause the run, and return the error with the way on: nothing is wrong with the run itself."""
    # The disk that stopped the run may also refuse its last words; the error itself goes on to the user.
    with suppress(StorageError):
        _record_pause(recorder, error.message)
    return StorageError(error.message, hint=f"{error.hint}; then go on: {_way_on(recorder)}")


def _record_failure(recorder: Recorder, error: TunewrightError) -> None:
    with suppress(StorageError):
        recorder.event(RunFailed(code=error.code, message=error.message, hint=error.hint))
