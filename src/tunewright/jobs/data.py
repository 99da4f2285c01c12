"""What the verbs of `tunewright data` need of a model: tokenizer, template and context, but never its weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tunewright.data.checking.check import CheckOptions, TokenLength
from tunewright.data.duplicates.dedupe import near_duplicates
from tunewright.data.encode import Encoded, EncodedRow, encode_row, encode_stream
from tunewright.data.rows import AnyRow, RowFault
from tunewright.models.load import read_context_tokens
from tunewright.models.source import find_model
from tunewright.models.tokenizer import HfChatTokenizer, load_tokenizer
from tunewright.spec.model import ModelSpec


@dataclass(frozen=True)
class ModelEncoder:
    """Turns rows into the token rows that a training run on the model would see."""

    name: str
    context_tokens: int
    tokenizer: HfChatTokenizer

    def encode(self, row: AnyRow) -> list[EncodedRow] | RowFault:
        """Return the row as tokens, or why the model's template cannot express it."""
        return encode_row(row, self.tokenizer)

    def encode_stream(self, rows: Iterable[AnyRow]) -> Iterator[Encoded]:
        """Yield each row as tokens, in order; much faster than one by one."""
        return encode_stream(rows, self.tokenizer)


def encoder_for_model(name: str, chat_template: str | None = None) -> ModelEncoder:
    """Return the encoder of `starter`, of a model in a folder, or of a hub id.

    Args:
        name: as `model.source` of a recipe.
        chat_template: a Jinja file or text to use instead of the model's own template.

    Raises:
        ModelError: if there is no such model, or its tokenizer, template or configuration cannot be read.
    """
    spec = ModelSpec(source=name, chat_template=chat_template)
    source = find_model(spec)
    return ModelEncoder(name, read_context_tokens(source, spec), load_tokenizer(source, spec))


def check_options_for_model(name: str, chat_template: str | None = None) -> CheckOptions:
    """Return what `data check` looks for when it knows the model: lengths, control tokens, near duplicates.

    Raises:
        ModelError: as `encoder_for_model`.
    """
    encoder = encoder_for_model(name, chat_template)

    def token_lengths(rows: Sequence[AnyRow]) -> list[TokenLength]:
        return [_token_length(encoded, encoder.context_tokens) for encoded in encoder.encode_stream(rows)]

    return CheckOptions(
        special_tokens=encoder.tokenizer.special_tokens,
        context_length=encoder.context_tokens,
        token_lengths=token_lengths,
        near_duplicates=near_duplicates,
    )


def _token_length(encoded: Encoded, limit: int) -> TokenLength:
    """Return the length of a row, the longest of its token rows where it is taught as several."""
    if isinstance(encoded, RowFault):
        # Only conversations and texts are rendered; rows of other kinds have no length, which is no fault of theirs.
        return TokenLength(0, 0, "" if encoded.kind == "wrong_kind" else f"{encoded.rule}, got {encoded.value}")
    lost = sum(int(np.count_nonzero(row.weights[limit:])) for row in encoded)
    return TokenLength(max(row.num_tokens for row in encoded), lost)
