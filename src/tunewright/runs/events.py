"""What happened in a run, as frozen, typed events: the lines of `events.jsonl`.

Everyone who shows, resumes, bills or relays a run reads these and nothing else. Fields and types are only ever added;
a reader overlooks fields that it does not know. Does not know where events are written, nor what follows from them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError

from tunewright.errors import RunError
from tunewright.runs.fields import NamedScores, Number, Text, utc_now


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    time: Text = Field(default_factory=utc_now, description="ISO-8601, UTC")


class RunStarted(_Event):
    """A process began, or went on with, the run."""

    type: Literal["run_started"] = "run_started"
    run_id: str
    name: Text
    tunewright_version: str
    resumed_from_step: int | None = None


class RuleApplied(_Event):
    """A published rule filled in an automatic value of the recipe."""

    type: Literal["rule_applied"] = "rule_applied"
    path: str
    value: bool | int | FiniteFloat | Text
    rule: Text


class DataRead(_Event):
    """A data file was read and checked."""

    type: Literal["data_read"] = "data_read"
    role: Literal["train", "validation", "test"]
    path: Text
    format: str
    num_rows: int
    num_unusable: int
    sha256: str


class RowLeftOut(_Event):
    """A row is not used, and why."""

    type: Literal["row_left_out"] = "row_left_out"
    path: Text
    line: int
    reason: Text


class RowShortened(_Event):
    """A row was longer than the limit and is taught in a shorter form; no answer lost a token.

    `num_rows`: how many rows it became; `num_tokens_cut`: tokens of prompts that those do not have.
    """

    type: Literal["row_shortened"] = "row_shortened"
    path: Text
    line: int
    how: str
    num_tokens: int
    num_rows: int
    num_tokens_cut: int


class DataSplit(_Event):
    """The rows were divided; `test_is_validation`: the rows that chose the checkpoint are also those of the scores."""

    type: Literal["data_split"] = "data_split"
    num_train: int
    num_validation: int
    num_test: int
    test_is_validation: bool


class ModelLoaded(_Event):
    """The base model is live and the method is applied."""

    type: Literal["model_loaded"] = "model_loaded"
    source: Text
    num_parameters: int
    num_trainable: int
    context_tokens: int
    device: str
    precision: str
    template: Literal["own", "fallback"]
    layout: str = ""
    layout_reason: Text = ""


class TrainingStarted(_Event):
    """The loop is about to take its first step; tokens are counted over one epoch."""

    type: Literal["training_started"] = "training_started"
    num_steps: int
    num_rows: int
    batch_size: int
    num_tokens: int
    num_supervised_tokens: int


class Validated(_Event):
    """The validation rows were scored after `step` steps; `scores` is all that was measured on them."""

    type: Literal["validated"] = "validated"
    step: int
    valid_loss: Number
    perplexity: Number
    is_best: bool
    scores: NamedScores = {}


class CheckpointSaved(_Event):
    """A checkpoint has its final name."""

    type: Literal["checkpoint_saved"] = "checkpoint_saved"
    step: int
    path: Text


class CheckpointDamaged(_Event):
    """A checkpoint is torn or altered, so an earlier one is used; the folder was set aside as `path`."""

    type: Literal["checkpoint_damaged"] = "checkpoint_damaged"
    step: int
    path: Text
    reason: Text


class BatchSkipped(_Event):
    """Loss or gradient of step `step` was not a number: the step was counted, and the weights were not moved."""

    type: Literal["batch_skipped"] = "batch_skipped"
    step: int
    reason: Text
    rows: tuple[Text, ...]


class RateLowered(_Event):
    """Several batches in a row were skipped: training goes on from step `back_to` at `rate_scale` of the rate."""

    type: Literal["rate_lowered"] = "rate_lowered"
    step: int
    back_to: int
    rate_scale: FiniteFloat


class MicroBatchHalved(_Event):
    """Memory ran out, so fewer tokens are computed at once; the rows of a step stay the same.

    `cause`: an allocator refused (`allocator`), or the kernel killed the process before this one (`killed`).
    """

    type: Literal["micro_batch_halved"] = "micro_batch_halved"
    step: int
    former_tokens: int
    tokens: int
    cause: Literal["allocator", "killed"]


class Scored(_Event):
    """The base or the tuned model was scored on the held-out rows."""

    type: Literal["scored"] = "scored"
    subject: Literal["base", "tuned"]
    num_rows: int
    num_answered: int
    loss: Number
    perplexity: Number
    scores: NamedScores
    seconds: FiniteFloat


class ArtifactSaved(_Event):
    """The result of the run has its final name."""

    type: Literal["artifact_saved"] = "artifact_saved"
    kind: Literal["adapter", "model"]
    path: Text
    size_bytes: int


class Notice(_Event):
    """Something that the user should know and that stops nothing."""

    type: Literal["notice"] = "notice"
    message: Text
    hint: Text = ""


class RunFinished(_Event):
    """The run did all that was asked."""

    type: Literal["run_finished"] = "run_finished"
    seconds: FiniteFloat
    best_step: int | None
    num_steps: int


class RunFailed(_Event):
    """The run ended on an error of the error tree."""

    type: Literal["run_failed"] = "run_failed"
    code: str
    message: Text
    hint: Text = ""


class RunInterrupted(_Event):
    """The user stopped the run after `step` steps; what was done is kept."""

    type: Literal["run_interrupted"] = "run_interrupted"
    step: int
    hint: Text = ""


class RunPaused(_Event):
    """The run stopped after `step` steps because its time was up, its machine asked, or a disk was full."""

    type: Literal["run_paused"] = "run_paused"
    step: int
    reason: Text
    hint: Text = ""


Event = Annotated[
    RunStarted
    | RuleApplied
    | DataRead
    | RowLeftOut
    | RowShortened
    | DataSplit
    | ModelLoaded
    | TrainingStarted
    | Validated
    | CheckpointSaved
    | CheckpointDamaged
    | BatchSkipped
    | RateLowered
    | MicroBatchHalved
    | Scored
    | ArtifactSaved
    | Notice
    | RunFinished
    | RunFailed
    | RunInterrupted
    | RunPaused,
    Field(discriminator="type"),
]

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)


def event_line(event: Event) -> bytes:
    """Return the event as one line of JSON, without its line end; `parse_event(event_line(e)) == e`."""
    return event.model_dump_json().encode("utf-8")


def parse_event(line: bytes) -> Event:
    """Return the event of one line.

    Raises:
        RunError: if the line is not JSON, lacks a field, or is of a type that this version does not know.
    """
    try:
        return _ADAPTER.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "union_tag_invalid":
            tag = first.get("ctx", {}).get("tag")
            hint = "upgrade: pip install --upgrade tunewright"
            raise RunError(f"the event type {tag!r} is not known to this version of tunewright", hint=hint) from error
        where = ".".join(map(str, first["loc"]))
        message = f"is not an event: {where + ': ' if where else ''}{first['msg']}"
        raise RunError(message, hint="the file is damaged or was edited; remove the line to read the rest") from error


def event_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of an event."""
    schema = _ADAPTER.json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Tunewright run event"}
