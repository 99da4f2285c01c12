"""What a model's own files say about making one vector of a text: sentence-transformers' layout, without that library.

`modules.json` names the steps, `1_Pooling/config.json` how the tokens become one vector, and two more files which words
stand before a text and where it is cut. A model without these files pools the mean of all tokens. Knows no tensors.
Layout: https://sbert.net/docs/sentence_transformer/usage/custom_models.html; defaults as in its version 5.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers.utils.hub import cached_file

from tunewright.errors import ModelError
from tunewright.models.source import ModelSource

POOLINGS = ("cls", "mean", "lasttoken")
"""Known ways to pool. A model may have several; their vectors stand in this order, as in sentence-transformers."""

_FLAGS = {
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
    "mean": "pooling_mode_mean_tokens",
    "mean_sqrt_len_tokens": "pooling_mode_mean_sqrt_len_tokens",
    "weightedmean": "pooling_mode_weightedmean_tokens",
    "lasttoken": "pooling_mode_lasttoken",
}
# Every vector is brought to length 1 anyway, and nothing is dropped when nobody trains.
_KNOWN_STEPS = ("Transformer", "Pooling", "Normalize", "Dropout")
_PASSAGE_PROMPTS = ("document", "passage", "corpus")


@dataclass(frozen=True, slots=True)
class VectorRules:
    """How one vector is made of a text.

    Attributes:
        poolings: of `POOLINGS`, in that order.
        query_prompt: put before what is looked for. passage_prompt: before what is found.
        max_tokens: where texts are cut, special tokens and prompt included; None: at the model's context.
        is_lower_cased: whether texts are lower-cased before the tokenizer sees them.
    """

    poolings: tuple[str, ...] = ("mean",)
    query_prompt: str = ""
    passage_prompt: str = ""
    max_tokens: int | None = None
    is_lower_cased: bool = False


def read_vector_rules(source: ModelSource) -> VectorRules:
    """Return the rules of a model: those of its files, else the defaults of `VectorRules`.

    Raises:
        ModelError: if a file is damaged, or asks for a step or a pooling that is not known here: vectors made without
            it would not be that model's.
    """
    poolings, is_prompt_pooled = _poolings(source, _pooling_folder(source))
    query, passage = _prompts(_object(source, "config_sentence_transformers.json"))
    if (query or passage) and not is_prompt_pooled:
        raise _unknown(source, "it leaves its prompt out of the pooling (include_prompt is false)")
    limits = _object(source, "sentence_bert_config.json")
    longest = limits.get("max_seq_length")
    return VectorRules(
        poolings,
        query,
        passage,
        longest if isinstance(longest, int) and longest > 0 else None,
        limits.get("do_lower_case") is True,
    )


def _pooling_folder(source: ModelSource) -> str:
    """Return the folder with the pooling's settings; empty if the model has none."""
    modules = _read(source, "modules.json")
    if modules is None:
        return "1_Pooling"
    if not isinstance(modules, list) or not all(isinstance(each, dict) for each in modules):
        raise _damaged(source, "modules.json", "is no list of objects")
    paths: dict[str, str] = {}
    for module in modules:
        # The path of the class moved between versions; its name did not.
        step = str(module.get("type")).rpartition(".")[2]
        if step not in _KNOWN_STEPS:
            raise _unknown(source, f"it has the step {step!r}; known are {', '.join(_KNOWN_STEPS)}")
        paths[step] = str(module.get("path") or "")
    if "Pooling" not in paths:
        raise _unknown(source, "its steps make no single vector of a text (no Pooling)")
    return paths["Pooling"]


def _poolings(source: ModelSource, folder: str) -> tuple[tuple[str, ...], bool]:
    """Return how tokens are pooled, and whether those of the prompt are."""
    settings = _object(source, f"{folder}/config.json")
    named = settings.get("pooling_mode")
    if isinstance(named, str):
        wanted = named.lower().split("+")
    elif isinstance(named, list):
        wanted = [str(each).lower() for each in named]
    else:
        wanted = [name for name, flag in _FLAGS.items() if settings.get(flag, name == "mean") is True]
    unknown = [name for name in wanted if name not in POOLINGS]
    if unknown or not wanted:
        said = ", ".join(unknown) or "no way at all"
        raise _unknown(source, f"it pools its tokens by {said}; known are {', '.join(POOLINGS)}")
    return tuple(name for name in POOLINGS if name in wanted), settings.get("include_prompt", True) is not False


def _prompts(settings: dict[str, Any]) -> tuple[str, str]:
    """Return what is put before a query and before a passage."""
    given = settings.get("prompts")
    prompts = {key: text for key, text in given.items() if isinstance(text, str)} if isinstance(given, dict) else {}
    default = prompts.get(str(settings.get("default_prompt_name")), "")
    passage = next((prompts[name] for name in _PASSAGE_PROMPTS if name in prompts), default)
    return prompts.get("query", default), passage


def _object(source: ModelSource, name: str) -> dict[str, Any]:
    tree = _read(source, name)
    if tree is not None and not isinstance(tree, dict):
        raise _damaged(source, name, "is no object")
    return tree or {}


def _read(source: ModelSource, name: str) -> Any:
    """Return what a JSON file of the model holds; None if the model has no such file."""
    try:
        path = cached_file(source.location, name, revision=source.revision)
    except OSError:  # that of a file that a folder, a hub or a cache without network does not have
        return None
    if path is None:
        return None
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(source, name, f"is not JSON: {error}") from error


def _damaged(source: ModelSource, name: str, reason: str) -> ModelError:
    return ModelError(f"model {source.location}: {name} {reason}", hint="copy the model's folder again")


def _unknown(source: ModelSource, reason: str) -> ModelError:
    return ModelError(
        f"model {source.location}: its vectors cannot be made here: {reason}",
        hint="take another model for embeddings, or run this one as a service and set its url",
    )
