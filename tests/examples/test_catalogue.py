"""The catalogue example is what its generator says, and what its README claims of it is so."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "examples" / "catalogue"


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


def test_the_files_are_those_that_the_generator_writes() -> None:
    done = subprocess.run([sys.executable, str(FOLDER / "generate.py"), "--check"], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_no_held_out_product_stands_in_a_training_row() -> None:
    training = json.dumps(rows("train.jsonl"))
    products = {row["metadata"]["group"].split()[0] for row in rows("heldout.jsonl")}
    assert len(products) == 12
    assert not [product for product in products if product in training]


def test_every_fact_stands_in_the_sheet_of_its_product_and_in_the_reference() -> None:
    sheets = {path.stem: path.read_text(encoding="utf-8") for path in (FOLDER / "documents").iterdir()}
    assert len(sheets) == 32
    for row in [*rows("train.jsonl"), *rows("heldout.jsonl")]:
        fact, product = row["metadata"]["fact"], row["metadata"]["group"].split()[0]
        assert fact in sheets[product.lower()]
        assert fact in row["messages"][-1]["content"]
        assert fact not in row["messages"][0]["content"]
