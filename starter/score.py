"""How often the starter does what it is asked, on prompts that it has never seen.

    python -m starter.score build/starter/model --per-domain 100

Greedy answers to held-out documents that have one right answer, by domain; written as JSON beside the model.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from starter.corpus.document import Document
from starter.corpus.mixture import SHARES, held_out_documents
from starter.tokens import as_messages
from tunewright.data.encode import encode_prompt
from tunewright.infer.engine import Sampling
from tunewright.infer.hf import HfEngine
from tunewright.models.hardware import choose_hardware
from tunewright.models.load import load_model
from tunewright.models.source import find_model
from tunewright.models.tokenizer import load_tokenizer
from tunewright.spec.model import ModelSpec
from tunewright.spec.train import HardwareSpec


def _same_json(text: str, answer: str) -> bool:
    try:
        return json.loads(text) == json.loads(answer)
    except ValueError:
        return False


RULES: dict[str, Callable[[str, str], bool]] = {
    "exact": lambda text, answer: text.strip() == answer.strip(),
    "contains": lambda text, answer: answer.lower() in text.lower(),
    "json": _same_json,
}


def scored_documents(num_per_domain: int, seed: int) -> Iterator[Document]:
    """Yield held-out documents with a right answer, the same number from every domain."""
    counts = dict.fromkeys(SHARES, 0)
    for document in held_out_documents(seed):
        domain = document.kind.partition("/")[0]
        if document.answer is not None and counts.get(domain, num_per_domain) < num_per_domain:
            counts[domain] += 1
            yield document
        if all(count == num_per_domain for count in counts.values()):
            return


def load_engine(folder: str) -> HfEngine:
    """Return an engine over a model folder, or over `starter`."""
    spec = ModelSpec(source=folder)
    source = find_model(spec)
    model = load_model(source, spec, choose_hardware(HardwareSpec()))
    return HfEngine(model, load_tokenizer(source, spec), batch_size=50)


def score(engine: HfEngine, num_per_domain: int, seed: int = 1) -> dict[str, float]:
    """Return the share of right answers by domain, and of all as `all`."""
    documents = list(islice(scored_documents(num_per_domain, seed), num_per_domain * len(SHARES)))
    prompts = [encode_prompt(as_messages(document)[:-1], engine.tokenizer) for document in documents]
    answers = engine.generate(prompts, Sampling(max_new_tokens=96))
    hits: dict[str, list[bool]] = {}
    for document, answer in zip(documents, answers, strict=True):
        assert document.answer is not None
        is_right = answer.has_ended and RULES[document.rule](answer.text, document.answer)
        for name in (document.kind.partition("/")[0], "all"):
            hits.setdefault(name, []).append(is_right)
    return {name: sum(values) / len(values) for name, values in sorted(hits.items())}


def main() -> None:
    """Parse the command line, print the table, write `scores.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="model folder, or starter")
    parser.add_argument("--per-domain", type=int, default=100)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    scores = score(load_engine(arguments.model), arguments.per_domain)
    for name, value in scores.items():
        print(f"{name:14} {value:6.1%}")
    if arguments.output:
        arguments.output.write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
