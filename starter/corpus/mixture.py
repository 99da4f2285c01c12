"""The whole corpus as one endless, seeded stream of documents, and the rule that holds some of it out.

A document is held out when the checksum of its prompt falls into one of 64 classes: a prompt is thus either trained on
or tested with, never both, whatever the seed. Knows no tokens.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator

from starter.corpus import (
    arithmetic,
    dialogues,
    documents,
    extraction,
    facts,
    fewshot,
    instructions,
    intents,
    refusals,
    sentiment,
    stories,
    support,
    systems,
)
from starter.corpus.document import Document, Domain, Turn

# Shares of documents, not of tokens. Copying from a context (documents, support, few-shot, extraction) gets the most:
# it is what fine-tuning, retrieval and few-shot build on, and what a small model learns slowest.
SHARES: dict[str, tuple[Domain, int]] = {
    "arithmetic": (arithmetic.document, 7),
    "dialogues": (dialogues.document, 8),
    "documents": (documents.document, 13),
    "extraction": (extraction.document, 9),
    "facts": (facts.document, 8),
    "fewshot": (fewshot.document, 10),
    "instructions": (instructions.document, 9),
    "intents": (intents.document, 7),
    "refusals": (refusals.document, 3),
    "sentiment": (sentiment.document, 5),
    "stories": (stories.document, 6),
    "support": (support.document, 14),
    "systems": (systems.document, 7),
}
_NUM_CLASSES = 64
_MEDLEY_SHARE = 0.06


def is_held_out(document: Document) -> bool:
    """Return whether the document's prompt is reserved for testing."""
    return zlib.crc32(document.prompt.encode()) % _NUM_CLASSES == 0


def documents_of(seed: int) -> Iterator[Document]:
    """Yield training documents without end; held-out prompts never occur.

    A share of them are medleys: several documents in one conversation, so that long contexts and changes of subject
    are seen.
    """
    rng = random.Random(f"corpus {seed}")
    singles = _singles(rng, held_out=False)
    while True:
        document = next(singles)
        yield _medley(document, singles, rng) if rng.random() < _MEDLEY_SHARE else document


def held_out_documents(seed: int) -> Iterator[Document]:
    """Yield documents whose prompts are never trained on."""
    yield from _singles(random.Random(f"held out {seed}"), held_out=True)


def _singles(rng: random.Random, *, held_out: bool) -> Iterator[Document]:
    domains = [domain for domain, _ in SHARES.values()]
    weights = [share for _, share in SHARES.values()]
    while True:
        document = rng.choices(domains, weights)[0](rng)
        if is_held_out(document) == held_out:
            yield document


def _medley(first: Document, more: Iterator[Document], rng: random.Random) -> Document:
    turns = list(first.turns)
    words_left = rng.randint(150, 600)
    while words_left > 0:
        document = next(more)
        if document.turns[0].role == "system":
            continue
        turns += document.turns
        words_left -= sum(len(turn.content.split()) for turn in document.turns)
    return Document("medley", tuple(Turn(turn.role, turn.content) for turn in turns))
