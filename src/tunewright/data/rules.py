"""Every rule that a row can break: how grave it is, and what OpenAI's fine-tuning service calls it.

One table, so that `data check`, the reader and later the API agree. Codes and wordings of OpenAI are those that its
service and its data preparation notebook print (`V` numbers: the list in docs/data.md). A format never raises: it
returns faults whose `kind` is a key of `RULES`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tunewright.data.rows import RowFault

Severity = Literal["error", "warn", "info"]


@dataclass(frozen=True, slots=True)
class Rule:
    """`openai_text` may hold {line}, {field}, {key}, {message}, {value}, {detail}.

    That is the place, the last key of the field, the number of its message from 1, our value and our rule.
    """

    severity: Severity
    number: str = ""
    openai_code: str = ""
    openai_text: str = ""


_INVALID_JSON = "Example {line} cannot be parsed. Error: line contains invalid json: {detail}"
_FORMAT = "The job failed due to a file format error in the training file. Invalid file format. Example {line}"

RULES: dict[str, Rule] = {
    # ── the file and its lines ──
    "not_json": Rule("error", "V1", "data_type", _INVALID_JSON),
    "not_utf8": Rule("error", "V1", "data_type", _INVALID_JSON),
    "too_large": Rule("error", "V1", "data_type", _INVALID_JSON),
    "not_an_object": Rule(
        "error",
        "V1",
        "data_type",
        "Expected file to have JSONL format, where every line is a JSON dictionary. "
        'Line {line} is not a dictionary (HINT: line starts with: "{value}").',
    ),
    "duplicate_key": Rule("error", "V1"),
    "file_ends_early": Rule("error", "V1", "data_type", _INVALID_JSON),
    "file_changed": Rule("error"),
    # ── the set ──
    "too_few_rows": Rule(
        "error",
        "V3",
        "invalid_n_examples",
        "Training file has {value} example(s), but must have at least 10 examples",
    ),
    "mixed_formats": Rule(
        "error",
        "V4",
        "invalid_training_file",
        "Unexpected file format, expected either prompt/completion pairs or chat messages.",
    ),
    "wrong_kind": Rule(
        "error",
        "V5",
        "invalid_training_file",
        "The job failed due to an invalid training file. Input file {field} is in the {value} format, but the "
        "specified fine-tuning job is not using a training method for it ({detail}).",
    ),
    # ── the record ──
    "missing_messages": Rule("error", "V6", "missing_messages_list", _FORMAT + " is missing key 'messages'."),
    "missing_key": Rule("error", "V6", "message_missing_key", _FORMAT + " is missing key '{key}'."),
    "bad_role": Rule(
        "error", "V7", "unrecognized_role", _FORMAT + ", message {message} Discriminator 'role' is {value}"
    ),
    "unknown_key": Rule("error", "V8", "message_unrecognized_key", _FORMAT + ' contains an extra "{key}".'),
    "special_token": Rule(
        "error", "V9", "invalid_file_format", _FORMAT + " message contains an invalid token: {value}."
    ),
    "no_assistant": Rule(
        "error", "V10", "example_missing_assistant_message", _FORMAT + " has no assistant message to learn from."
    ),
    "no_content": Rule("error", "V11", "missing_content", _FORMAT + ": {field} has no content."),
    "bad_value": Rule("error", "V6", "data_type", _FORMAT + ": {field} has an invalid value."),
    "bad_weight": Rule("error", "V8", "message_unrecognized_key", _FORMAT + ' contains an extra "weight".'),
    "bad_tool": Rule("error", "V6", "data_type", _FORMAT + ": {field} is not a valid tool or tool call."),
    "last_not_assistant": Rule(
        "error", "V10", "example_missing_assistant_message", _FORMAT + ": the last message must be from the assistant."
    ),
    "bad_preference": Rule("error", "V15", "invalid_file_format", _FORMAT + ": {field} {detail}."),
    # ── tokens: with a tokenizer ──
    "too_long": Rule("warn", "V12"),
    "not_renderable": Rule("error"),
    "nothing_taught": Rule("error", "V10"),
    # ── readable, and yet odd ──
    "system_not_first": Rule("warn"),
    "empty_system": Rule("warn"),
    "repeated_role": Rule("info"),
    "control_character": Rule("warn"),
    "replacement_character": Rule("warn"),
    "duplicate_row": Rule("warn", "V18"),
    "near_duplicate": Rule("info", "V18"),
    "contradiction": Rule("warn", "V18"),
    "leakage": Rule("warn", "V18"),
}
"""Kind → rule."""


def severity(kind: str) -> Severity:
    """Return how grave a fault of this kind is."""
    return RULES[kind].severity


def openai_words(fault: RowFault) -> str:
    """Return what OpenAI's service would print for this fault, or an empty text where its words are not known."""
    message = _MESSAGE.search(fault.field)
    return RULES[fault.kind].openai_text.format(
        line=fault.line,
        field=fault.field or fault.path,
        key=fault.field.rpartition(".")[2],
        message=int(message[1]) + 1 if message else 1,
        value=fault.value,
        detail=fault.rule,
    )


_MESSAGE = re.compile(r"\[(\d+)\]")
