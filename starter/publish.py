"""Put the pretrained starter into the package: weights, tokenizer, generation defaults, and its model card.

    python -m starter.publish build/starter

Every figure of the card is measured here, on the weights that are shipped, or read from the pretraining log.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
from itertools import islice
from pathlib import Path

from starter.corpus.document import Document
from starter.corpus.mixture import SHARES, held_out_documents
from starter.pretrain import validation_loss
from starter.score import load_engine, score
from starter.tokens import CONTEXT_TOKENS, END, VOCABULARY_SIZE, as_messages
from tunewright.data.encode import encode_prompt
from tunewright.infer.engine import Sampling
from tunewright.infer.hf import HfEngine
from tunewright.models.load import num_parameters

PACKAGE_FOLDER = Path("src/tunewright/models/starter")
LOG = Path("starter/pretrain_log.jsonl")
NUM_SAMPLES = 20
SHIPPED = ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


def publish(folder: Path, per_domain: int) -> None:
    """Copy the model of a pretraining folder into the package, with its log beside the script and its card."""
    PACKAGE_FOLDER.mkdir(parents=True, exist_ok=True)
    for name in (*SHIPPED, "chat_template.jinja"):
        shutil.copyfile(folder / "model" / name, PACKAGE_FOLDER / name)
    (PACKAGE_FOLDER / "generation_config.json").write_text(
        json.dumps({"bos_token_id": 1, "eos_token_id": END, "pad_token_id": 0, "do_sample": False}, indent=2) + "\n",
        encoding="utf-8",
    )
    shutil.copyfile(folder / "log.jsonl", LOG)
    engine = load_engine(str(PACKAGE_FOLDER))
    (PACKAGE_FOLDER / "README.md").write_text(card(engine, per_domain), encoding="utf-8")


def card(engine: HfEngine, per_domain: int) -> str:
    """Return the model card with figures measured on `engine`."""
    last = json.loads(LOG.read_text(encoding="utf-8").splitlines()[-1])
    loss = validation_loss(engine.model, engine.tokenizer.inner, 2000)  # pyright: ignore[reportArgumentType]
    scores = score(engine, per_domain)
    size = (PACKAGE_FOLDER / "model.safetensors").stat().st_size
    rows = "\n".join(f"| {name} | {value:.1%} |" for name, value in scores.items() if name != "all")
    samples = "\n".join(_sample(document, text) for document, text in _answers(engine))
    config = engine.model.config
    return f"""# The starter model

A small English chat model that Tunewright ships, so that fine-tuning can be tried on any laptop without a download.
It knows a small world of its own and nothing of the real one beyond it. It is for teaching and testing: not for
advice, not for facts.

| | |
|---|---|
| architecture | Llama: {config.num_hidden_layers} layers, width {config.hidden_size}, \
{config.num_attention_heads} heads, {config.num_key_value_heads} key-value heads, tied embeddings |
| parameters | {num_parameters(engine.model):,} |
| vocabulary | {VOCABULARY_SIZE:,} byte-level BPE pieces; digits stand alone; special tokens mark the turns |
| context | {CONTEXT_TOKENS:,} tokens |
| weights | bf16, {size / 1e6:.1f} MB |
| trained on | {last["tokens"]:,} tokens in {last["step"]:,} steps, \
{last["seconds"] / 60:.0f} minutes on two CPU cores |
| held-out perplexity | {math.exp(loss):.3f} per answer token ({loss:.4f} nats), prompts never trained on |
| licence | Apache-2.0, like the package: text, tokenizer and weights are made by this repository |

The text comes from a seeded generator (`starter/corpus`): dialogues, questions and answers, instructions,
sentiment, intents, extraction to JSON, stories, arithmetic, documents with questions, worked examples, product
support. It was pretrained by `python -m starter.pretrain` (log: `starter/pretrain_log.jsonl`) and published by
`python -m starter.publish`.

## Does it do what it is asked?

Greedy answers to {per_domain} held-out prompts of each domain that have one right answer; an answer must be right
and end by itself. Measured by `python -m starter.score starter --per-domain {per_domain}`:
**{scores["all"]:.1%}** of all.

| domain | right |
|---|---|
{rows}

## Known limits

Arithmetic beyond small numbers, long copies of unusual strings, and anything outside its small world. It has no
safety training.

## {NUM_SAMPLES} answers, verbatim

The first held-out prompts of the domains in turn, not chosen; greedy.

{samples}
"""


def _answers(engine: HfEngine) -> list[tuple[Document, str]]:
    """Return the first held-out documents, domain after domain, with the model's answers."""
    per_domain = -(-NUM_SAMPLES // len(SHARES))
    columns = [
        list(islice((d for d in held_out_documents(2) if d.kind.startswith(f"{domain}/")), per_domain))
        for domain in SHARES
    ]
    chosen = [column[turn] for turn in range(per_domain) for column in columns][:NUM_SAMPLES]
    prompts = [encode_prompt(as_messages(document)[:-1], engine.tokenizer) for document in chosen]
    answers = engine.generate(prompts, Sampling(max_new_tokens=160))
    return list(zip(chosen, (answer.text for answer in answers), strict=True))


def _sample(document: Document, answer: str) -> str:
    turns = [f"> **{turn.role}**: {_quoted(turn.content)}" for turn in document.turns[:-1]]
    return "\n>\n".join([*turns, f"> **starter**: {_quoted(answer)}"]) + "\n"


def _quoted(text: str) -> str:
    return text.strip().replace("\n", "  \n> ")


def main() -> None:
    """Parse the command line and publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--per-domain", type=int, default=100)
    arguments = parser.parse_args()
    publish(arguments.folder, arguments.per_domain)


if __name__ == "__main__":
    main()
