"""Which unseen rows of the small world ask whether a tuned starter still knows what it was not taught.

    python -m starter.make_suite

Writes the built-in general suite of `tunewright.evaluate.suites` from held-out prompts, the same number of every domain
and the domains in turn, so that any beginning of the file is a fair sample of it. Knows no model and scores nothing.
"""

from __future__ import annotations

import argparse
import json
from collections import deque
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from starter.corpus.document import Document
from starter.corpus.mixture import SHARES, held_out_documents

PER_DOMAIN = 19
# 0 is the pretraining's validation text, 1 and 3 are what the card and its test measure, 2 fills the card's samples.
SEED = 4
PATH = Path(str(files("tunewright"))) / "evaluate" / "suites" / "starter.jsonl"

_GRADERS = {"exact": "exact_match", "contains": "contains", "json": "json_fields"}
# Graders of words ignore case: an answer that repeats the question would be right.
_ABOUT_CASE = frozenset({"instructions/upper", "instructions/lower"})


def suite_lines(per_domain: int = PER_DOMAIN, seed: int = SEED) -> Iterator[str]:
    """Yield the rows of the suite as JSON, one line each, without their ends."""
    for document in _in_turn(_chosen(per_domain, seed)):
        yield json.dumps(_record(document), ensure_ascii=False)


def _chosen(per_domain: int, seed: int) -> dict[str, deque[Document]]:
    """Return `per_domain` documents of every domain, no prompt twice."""
    chosen: dict[str, deque[Document]] = {domain: deque() for domain in SHARES}
    prompts: set[str] = set()
    for document in held_out_documents(seed):
        domain = chosen[_domain(document)]
        if len(domain) < per_domain and _is_gradable(document) and document.prompt not in prompts:
            prompts.add(document.prompt)
            domain.append(document)
        if all(len(documents) == per_domain for documents in chosen.values()):
            break
    return chosen


def _is_gradable(document: Document) -> bool:
    answer = document.answer or ""
    return document.kind not in _ABOUT_CASE and any(letter.isalnum() for letter in answer)


def _in_turn(chosen: dict[str, deque[Document]]) -> Iterator[Document]:
    while any(chosen.values()):
        for documents in chosen.values():
            if documents:
                yield documents.popleft()


def _record(document: Document) -> dict[str, object]:
    # Not `group`: rows of one group are rephrasings of one thing, and rows of one domain are independent.
    metadata = {"domain": _domain(document), "grader": _GRADERS[document.rule]}
    if document.rule == "contains":
        metadata["fact"] = document.answer or ""
    messages = [{"role": turn.role, "content": turn.content} for turn in document.turns]
    return {"messages": messages, "metadata": metadata}


def _domain(document: Document) -> str:
    return document.kind.partition("/")[0]


def main() -> None:
    """Write the suite; `--check` only says whether the file is what would be written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if the file differs")
    arguments = parser.parse_args()
    text = "".join(line + "\n" for line in suite_lines())
    if not arguments.check:
        with PATH.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    elif PATH.read_text(encoding="utf-8") != text:
        parser.exit(1, f"{PATH.name} is not what this generator writes: python -m starter.make_suite\n")


if __name__ == "__main__":
    main()
