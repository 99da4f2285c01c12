"""Chat rows of a wished size, as many as wished, the same ones for the same seed: what the data benchmarks read.

The words are drawn from a small list, as ASCII, with a line break now and then; every row differs from the others.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import orjson

_WORDS = (
    "account address after answer because before billing button cancel change choose click code confirm contact "
    "customer days delivery details email every find follow help invoice item later letter link list menu message "
    "month number open order page parcel password payment phone please plan price profile question receive refund "
    "reset return save security select send settings shipping shop status store support tell thank track under "
    "update using wait week where within wrong"
).split()
_SYSTEM = "You are the helpful support agent of a small online shop."
_BLOCK_ROWS = 2000


def chat_lines(row_bytes: int, seed: int = 0) -> Iterator[bytes]:
    """Yield lines of JSON, each one chat row of about `row_bytes` bytes with its line end, without end.

    From 300 bytes on, a row has a system prompt and two turns each; below, one question and its answer.
    """
    chance = random.Random(seed)
    number = 0
    while True:
        number += 1
        roles = ["user", "assistant"] if row_bytes < 300 else ["system", "user", "assistant", "user", "assistant"]
        texts = [_SYSTEM if role == "system" else "" for role in roles]
        frame = orjson.dumps({"messages": [{"role": r, "content": t} for r, t in zip(roles, texts, strict=True)]})
        each = max((row_bytes - len(frame) - 1) // sum(not text for text in texts), 8)
        texts = [text or _text(chance, each, number) for text in texts]
        turns = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]
        yield orjson.dumps({"messages": turns}) + b"\n"


def write_rows(path: Path, num_bytes: int, row_bytes: int, seed: int = 0) -> int:
    """Write at least `num_bytes` of rows to `path`; return how many rows.

    A large file repeats one block of rows with other numbers in them, because drawing words is slower than a disk.
    """
    lines = chat_lines(row_bytes, seed)
    block = [next(lines) for _ in range(_BLOCK_ROWS)]
    num_rows = written = 0
    with path.open("wb") as file:
        while written < num_bytes:
            stamp = f'"content":"{num_rows:010d} '.encode()
            written += file.write(b"".join(line.replace(b'"content":"', stamp) for line in block))
            num_rows += len(block)
    return num_rows


def _text(chance: random.Random, num_bytes: int, number: int) -> str:
    words, size = [str(number)], len(str(number))
    while size < num_bytes:
        word = chance.choice(_WORDS)
        word = f"{word}.\n" if chance.random() < 0.05 else word
        words.append(word)
        size += len(word) + 1
    return " ".join(words).replace("\n ", "\n")[: num_bytes - 1] + "."
