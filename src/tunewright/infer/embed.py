"""Texts as vectors, near each other where the meaning is: by a model that runs here, or by a service.

A local model is any of transformers that gives hidden states, encoder or decoder; its own files say how they become one
vector (`vector_rules`). A service is any that speaks OpenAI's `/embeddings`. Whichever it is, a vector has length 1, or
is zero for a text that says nothing, and is never NaN. Does not know what is looked for in what.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from tunewright.errors import ModelError, ModelMissingError
from tunewright.infer.remote import RemoteEngine, service_of
from tunewright.infer.vector_rules import VectorRules, read_vector_rules
from tunewright.models.hardware import Hardware, choose_hardware
from tunewright.models.load import context_tokens
from tunewright.models.source import ModelSource, find_model
from tunewright.models.tokenizer import first_line, hub_hint
from tunewright.spec.baselines import EmbeddingsSpec, ServiceSpec
from tunewright.spec.model import ModelSpec
from tunewright.spec.train import HardwareSpec

_MAX_TEXTS = 64
_MAX_BATCH_TOKENS = 8192
# What a service takes is 8,191 tokens at OpenAI, often less, and cannot be asked for. Passages are far shorter; a
# conversation of a hundred pages shall not keep all others from being looked up.
_MAX_CHARACTERS = 8000


class Embedder(Protocol):
    """Turns texts into vectors that can be compared by their product.

    Obligations: float32 [texts, size], in the order of the texts; each row has length 1, or is zero for a text that
    says nothing (`size` may be 0 where all are such); no NaN; the same text gets the same vector, whatever stands
    beside it, up to rounding. Some models read a question otherwise than what answers it, hence two methods.
    """

    @property
    def name(self) -> str:
        """The model, as the settings of a column name it."""
        ...

    def queries(self, texts: Sequence[str]) -> np.ndarray:
        """Return a vector for each text that is looked for."""
        ...

    def passages(self, texts: Sequence[str]) -> np.ndarray:
        """Return a vector for each text that may be found."""
        ...


class LocalEmbedder:
    """Implements `Embedder` with a model of transformers.

    Args:
        model: gives hidden states; moved nowhere.
        tokenizer: its own.
        rules: how hidden states become one vector.
        name: what it is called in settings and messages.

    Raises:
        ModelError: if `model` gives no hidden states for text.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rules: VectorRules, name: str
    ) -> None:
        self.name = name
        self._model = model
        self._tokenizer = tokenizer
        self._rules = rules
        self._limit = _longest(model, tokenizer, rules)
        self._size = self._pooled([[0]]).shape[1]

    def queries(self, texts: Sequence[str]) -> np.ndarray:
        """Return a vector for each text that is looked for, the model's prompt for queries before it.

        Raises:
            ModelError: if the model computes numbers that are not finite.
        """
        return self._embed(texts, self._rules.query_prompt)

    def passages(self, texts: Sequence[str]) -> np.ndarray:
        """Return a vector for each text that may be found, the model's prompt for passages before it.

        Raises:
            ModelError: if the model computes numbers that are not finite.
        """
        return self._embed(texts, self._rules.passage_prompt)

    def _embed(self, texts: Sequence[str], prompt: str) -> np.ndarray:
        def embed(some: list[str]) -> np.ndarray:
            prompted = [prompt + text for text in some]
            if self._rules.is_lower_cased:
                prompted = [text.lower() for text in prompted]
            rows = self._tokenizer(prompted, truncation=True, max_length=self._limit)["input_ids"]
            vectors = np.zeros((len(rows), self._size), np.float32)
            for batch in _batches([len(row) for row in rows]):
                vectors[batch] = self._pooled([rows[index] for index in batch])
            return vectors

        return _vectors(texts, embed, self.name, self._size)

    @torch.inference_mode()
    def _pooled(self, rows: Sequence[Sequence[int]]) -> np.ndarray:
        """Return [rows, size]; padding stands behind, so that positions and causal masks are those of the row alone."""
        longest = max(len(row) for row in rows)
        pad = self._tokenizer.pad_token_id
        padding = pad if isinstance(pad, int) else 0
        device = self._model.device
        tokens_BT = torch.tensor([[*row, *[padding] * (longest - len(row))] for row in rows], device=device)
        lengths_B = torch.tensor([len(row) for row in rows], device=device)
        mask_BT = (torch.arange(longest, device=device) < lengths_B[:, None]).long()
        states_BTD = self._states(tokens_BT, mask_BT).float()
        pooled = [_POOLED[name](states_BTD, mask_BT) for name in self._rules.poolings]
        return torch.cat(pooled, dim=1).cpu().numpy()

    def _states(self, tokens_BT: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
        """Return the last hidden states [B, T, D]."""
        reason = "its answer holds none for each token"
        states = None
        try:
            states = getattr(self._model(input_ids=tokens_BT, attention_mask=mask_BT), "last_hidden_state", None)
        except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
            reason = first_line(error)
        if not isinstance(states, torch.Tensor) or states.shape[:-1] != tokens_BT.shape:
            raise ModelError(
                f"model {self.name}: gives no hidden states for a text alone: {reason}",
                hint="take an encoder (BERT and its like) or a decoder (Llama and its like) for embeddings",
            )
        return states


class RemoteEmbedder:
    """Implements `Embedder` with one model of one service; what it puts before queries is the service's affair.

    Texts are cut at 8,000 characters, and go in requests of at most 64.
    """

    def __init__(self, engine: RemoteEngine) -> None:
        self.name = engine.model
        self._engine = engine
        self._size = 0

    def queries(self, texts: Sequence[str]) -> np.ndarray:
        """Return a vector for each text.

        Raises:
            ModelMissingError: if the service does not know the model or the address.
            ModelError: if it refuses, cannot be reached, or what it answers is not one vector for each text, all of
                them finite and of one size.
        """
        return _vectors(texts, self._asked, f"{self.name} at {self._engine.url}", self._size)

    passages = queries

    def close(self) -> None:
        """Close the connections."""
        self._engine.close()

    def _asked(self, texts: list[str]) -> np.ndarray:
        batches = [texts[first : first + _MAX_TEXTS] for first in range(0, len(texts), _MAX_TEXTS)]
        return np.concatenate([self._one_request(batch) for batch in batches])

    def _one_request(self, texts: list[str]) -> np.ndarray:
        vectors = _read(self._engine.embeddings([text[:_MAX_CHARACTERS] for text in texts]), len(texts))
        if isinstance(vectors, str):
            raise self._unfit(vectors)
        if self._size not in (0, vectors.shape[1]):
            raise self._unfit(f"a vector has {vectors.shape[1]} numbers, and those before have {self._size}")
        self._size = vectors.shape[1]
        return vectors

    def _unfit(self, reason: str) -> ModelError:
        return ModelError(
            f"{self._engine.url}: the vectors of {self.name!r} cannot be used: {reason}",
            hint="does the address speak OpenAI's /embeddings, and is this a model for embeddings?",
        )


def make_embedder(spec: EmbeddingsSpec, hardware: Hardware | None = None) -> Embedder:
    """Return the embedder of `spec`: of the service where it has a URL, else of a model that runs here.

    Raises:
        ModelError, ModelMissingError, MissingExtraError: as `remote_embedder` and `local_embedder`.
    """
    return local_embedder(spec, hardware) if spec.url is None else remote_embedder(spec)


def local_embedder(spec: EmbeddingsSpec, hardware: Hardware | None = None) -> LocalEmbedder:
    """Return the embedder of a model folder, a hub id, or `starter`; on `hardware`, else on the best device in fp32.

    Raises:
        ModelMissingError: if there is no such model, or files of it are missing or damaged.
        ModelError: if it is no model for text, needs remote code, or pools in a way that is not known.
    """
    model_spec = ModelSpec(source=spec.model)
    source = find_model(model_spec)
    rules = read_vector_rules(source)
    # bf16 keeps three digits of a cosine: too few to rank passages that are alike.
    chosen = hardware or choose_hardware(HardwareSpec(precision="fp32"))
    model, tokenizer = _load(source, chosen)
    return LocalEmbedder(model, tokenizer, rules, spec.model)


def remote_embedder(spec: EmbeddingsSpec) -> RemoteEmbedder:
    """Return the embedder of a service; its key comes as that of any service (`remote.service_of`). Asks nothing yet.

    Raises:
        ModelError: if `spec` has no URL, or the variable is not set or holds no key that can be sent.
        MissingExtraError: if openai is not installed.
    """
    if spec.url is None:
        raise ModelError(f"the embeddings {spec.model!r} have no url: that is no remote model", hint="set their url")
    return RemoteEmbedder(service_of(ServiceSpec(model=spec.model, url=spec.url, key_variable=spec.key_variable)))


def _load(source: ModelSource, hardware: Hardware) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return model and tokenizer. Their code is not run and pickle files are not read: the recipe cannot allow it."""
    where = {"revision": source.revision, "trust_remote_code": False}
    name = source.location
    try:
        tokenizer = AutoTokenizer.from_pretrained(source.location, **where)
        # A pooler that the checkpoint lacks is drawn at random, and nobody's draws may depend on that.
        with torch.random.fork_rng(devices=[]):
            model, report = AutoModel.from_pretrained(
                source.location, dtype=hardware.dtype, use_safetensors=True, output_loading_info=True, **where
            )
    except (OSError, KeyError, RuntimeError) as error:
        raise ModelMissingError(
            f"model {name}: cannot be loaded: {first_line(error)}", hint=hub_hint(source)
        ) from error
    except ValueError as error:
        hint = "embeddings take models whose code is in the transformers library"
        raise ModelError(f"model {name}: {first_line(error)}", hint=hint) from error
    except SafetensorError as error:
        reason = f"its weights file is damaged: {first_line(error)}"
        raise ModelMissingError(f"model {name}: {reason}", hint="copy the folder again") from error
    missing = sorted(key for key in report["missing_keys"] if not key.startswith("pooler."))
    if missing:
        raise ModelMissingError(
            f"model {name}: lacks {len(missing):,} of its weights, such as {missing[0]}", hint="copy the folder again"
        )
    model.config.use_cache = False
    return model.to(torch.device(hardware.device)).eval(), tokenizer


def _longest(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rules: VectorRules) -> int:
    """Return where texts are cut, in tokens."""
    limit = min(context_tokens(model), int(tokenizer.model_max_length), rules.max_tokens or context_tokens(model))
    for name, module in model.named_modules():
        # RoBERTa and its like count positions from behind the padding's: of 514, 512 are for tokens.
        if name.endswith("position_embeddings") and isinstance(getattr(module, "padding_idx", None), int):
            assert isinstance(module, torch.nn.Embedding) and module.padding_idx is not None
            limit = min(limit, module.num_embeddings - module.padding_idx - 1)
    return limit


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the places of rows of like length; a row without tokens is in none."""
    batch: list[int] = []
    for index in sorted((i for i, length in enumerate(lengths) if length), key=lambda i: lengths[i]):
        if batch and (len(batch) == _MAX_TEXTS or (len(batch) + 1) * lengths[index] > _MAX_BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _mean(states_BTD: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
    weights_BT1 = mask_BT[..., None].float()
    return (states_BTD * weights_BT1).sum(dim=1) / weights_BT1.sum(dim=1)


def _first(states_BTD: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
    return states_BTD[:, 0]


def _last(states_BTD: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
    return states_BTD[torch.arange(len(states_BTD)), mask_BT.sum(dim=1) - 1]


_POOLED: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "cls": _first,
    "mean": _mean,
    "lasttoken": _last,
}


def _vectors(texts: Sequence[str], embed: Callable[[list[str]], np.ndarray], name: str, size: int) -> np.ndarray:
    """Return `embed` of each text at length 1: of a text that stands here twice once, of an empty one `size` zeros.

    Raises:
        ModelError: if a number is not finite.
    """
    # Half a surrogate pair is no text: neither JSON nor a tokenizer takes it.
    sound = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
    unique = {text: place for place, text in enumerate(dict.fromkeys(text for text in sound if text.strip()))}
    found = embed(list(unique)).astype(np.float64) if unique else np.zeros((0, size))
    if not np.isfinite(found).all():
        text = list(unique)[int(np.argmin(np.isfinite(found).all(axis=1)))]
        raise ModelError(
            f"model {name}: its vector of {text[:40]!r} holds numbers that are not finite",
            hint="take another model for embeddings",
        )
    # By the largest number first: squares of what a service may send would overflow.
    largest = np.abs(found).max(axis=1, keepdims=True, initial=0.0)
    found = np.divide(found, largest, out=np.zeros_like(found), where=largest > 0)
    norms = np.linalg.norm(found, axis=1, keepdims=True)
    found = np.divide(found, norms, out=found, where=norms > 0)
    vectors = np.zeros((len(texts), found.shape[1]), np.float32)
    for place, text in enumerate(sound):
        if text in unique:
            vectors[place] = found[unique[text]]
    return vectors


def _read(text: str, count: int) -> np.ndarray | str:
    """Return the vectors [count, size] in a response, in the order of the texts, or what is wrong with them."""
    try:
        tree: Any = json.loads(text)
    except (ValueError, RecursionError):
        return f"what came back is no JSON: {' '.join(text.split())[:80]!r}"
    data = tree.get("data") if isinstance(tree, dict) else None
    if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
        return "the response has no list of them"
    if len(data) != count:
        return f"{len(data)} came back for {count} texts"
    places = [each.get("index") for each in data]
    if all(isinstance(place, int) for place in places) and sorted(places) == list(range(count)):
        data = sorted(data, key=lambda each: each["index"])
    try:
        vectors = np.asarray([each.get("embedding") for each in data], dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        vectors = np.zeros((count, 0))
    if vectors.ndim != 2 or not vectors.size:
        return "they are not lists of numbers, all of one length"
    return vectors
