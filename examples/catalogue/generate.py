"""Write the catalogue example: a folder of product sheets, and questions about products that no training row names.

    python examples/catalogue/generate.py            rewrites all files, byte for byte the same each time
    python examples/catalogue/generate.py --check    exits 1 when a file differs from what this says

The training rows ask about twenty products, the held-out rows about twelve others, and `documents/` tells of all of
them: what an answer needs can be looked up and cannot be learnt. Everything is invented. Knows no models or recipes.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
SEED = 7
NUM_TRAINING = 20
_THINGS = (
    "kettle|desk lamp|backpack|tent|speaker|blender|chair|raincoat|toaster|scooter|pillow|camera|fan|mug|radio|"
    "suitcase|printer|blanket|umbrella|bike light|hat|teapot|watch|rug|keyboard|torch|scarf|heater|jacket|puzzle|"
    "shelf|doorbell"
).split("|")
_STARTS = "Bra Cal Dor Fen Gil Har Jun Kel Lom Mar Nor Pel Quin Ros Sel Tam".split()
_ENDS = "vane mira dock lett wyn bury sol ten rick low nia fort".split()
_COLOURS = "red blue green white black yellow grey brown".split()


@dataclass(frozen=True)
class Question:
    """One attribute: what the sheet says, three ways to ask, and the answer; {p} is the product, {v} the value."""

    says: str
    asks: tuple[str, str, str]
    answer: str


QUESTIONS = {
    "price": Question(
        "The {p} costs {v}.",
        ("How much does the {p} cost?", "What is the price of the {p}?", "How much is the {p}?"),
        "The {p} costs {v}.",
    ),
    "warranty": Question(
        "The warranty of the {p} is {v}.",
        ("How long is the warranty of the {p}?", "What warranty does the {p} have?", "How long is the {p} covered?"),
        "The warranty of the {p} is {v}.",
    ),
    "weight": Question(
        "The {p} weighs {v}.",
        ("How heavy is the {p}?", "What does the {p} weigh?", "What is the weight of the {p}?"),
        "The {p} weighs {v}.",
    ),
    "colours": Question(
        "The {p} comes in {v}.",
        (
            "Which colours does the {p} come in?",
            "In what colours can I get the {p}?",
            "What colours is the {p} sold in?",
        ),
        "The {p} comes in {v}.",
    ),
}


@dataclass(frozen=True)
class Product:
    """One invented product and its values by attribute."""

    name: str
    thing: str
    values: dict[str, str]


def main() -> int:
    """Write or check the files; return the exit status."""
    parser = argparse.ArgumentParser(description="Write the catalogue example's files.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is out of date")
    check: bool = parser.parse_args().check
    stale = False
    for name, content in contents().items():
        path = FOLDER / name
        if check:
            if not path.exists() or path.read_bytes() != content:
                print(f"{name} is out of date: run python {Path(__file__).name}", file=sys.stderr)
                stale = True
            continue
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return int(stale)


def contents() -> dict[str, bytes]:
    """Return every file by its name."""
    everything = products()
    files = {f"documents/{product.name.lower()}{kind}": text.encode() for product, kind, text in sheets(everything)}
    files["train.jsonl"] = _lines(rows(everything[:NUM_TRAINING], ways=(0, 1)))
    files["heldout.jsonl"] = _lines(rows(everything[NUM_TRAINING:], ways=(0, 1, 2)))
    return files


def products() -> list[Product]:
    """Return all products; no two share a name."""
    chance = random.Random(SEED)
    names = [start + end for start in _STARTS for end in _ENDS]
    chosen = chance.sample(names, len(_THINGS))
    return [Product(name, thing, _values(chance)) for name, thing in zip(chosen, _THINGS, strict=True)]


def sheets(everything: list[Product]) -> Iterator[tuple[Product, str, str]]:
    """Yield each product's sheet: plain text, Markdown or HTML in turns."""
    for number, product in enumerate(everything):
        facts = [question.says.format(p=product.name, v=product.values[key]) for key, question in QUESTIONS.items()]
        first = f"The {product.name} is a {product.thing}."
        text = " ".join([first, *facts])
        kind = (".txt", ".md", ".html")[number % 3]
        yield product, kind, _as_kind(kind, product, text)


def rows(some: list[Product], ways: tuple[int, ...]) -> list[dict[str, object]]:
    """Return a row for each way of asking for each attribute of each product."""
    return [
        {
            "messages": [
                {"role": "user", "content": question.asks[way].format(p=product.name)},
                {"role": "assistant", "content": question.answer.format(p=product.name, v=product.values[key])},
            ],
            "metadata": {"fact": product.values[key], "group": f"{product.name} {key}", "attribute": key},
        }
        for product in some
        for key, question in QUESTIONS.items()
        for way in ways
    ]


def _values(chance: random.Random) -> dict[str, str]:
    one, other = chance.sample(_COLOURS, 2)
    return {
        "price": f"{chance.randint(11, 98)} pounds",
        "warranty": f"{chance.randint(2, 9)} years",
        "weight": f"{chance.randint(12, 89) * 10} grams",
        "colours": f"{one} and {other}",
    }


def _as_kind(kind: str, product: Product, text: str) -> str:
    if kind == ".md":
        return f"# {product.name}\n\n{text}\n"
    if kind == ".html":
        head = f"<head><title>{product.name}</title></head>"
        return f"<html>{head}\n<body><h1>{product.name}</h1><p>{text}</p></body></html>\n"
    return f"{product.name}\n\n{text}\n"


def _lines(some: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in some).encode()


if __name__ == "__main__":
    raise SystemExit(main())
