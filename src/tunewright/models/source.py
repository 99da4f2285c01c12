"""Where a model's files are: the built-in starter, a folder, or a hub id; checked before anything heavy is imported.

Knows file names, not tensors. What a folder lacks is said here, because the loaders further down speak of other things.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from tunewright.errors import ModelError, ModelMissingError
from tunewright.runs.manifest import file_sha256
from tunewright.spec.model import STARTER, ModelSpec

_STARTER_FOLDER = Path(__file__).parent / "starter"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model", "vocab.txt")


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A resolved source: `location` is what transformers is given; `folder` is None for a hub id."""

    location: str
    folder: Path | None
    revision: str | None = None


def find_model(spec: ModelSpec) -> ModelSource:
    """Return where the model of `spec` is.

    Raises:
        ModelMissingError: if nothing is there, or a folder lacks configuration, weights or tokenizer.
        ModelError: if the weights are pickle files and the recipe does not allow those.
    """
    if spec.source == STARTER:
        _check_folder(_STARTER_FOLDER, spec)
        return ModelSource(str(_STARTER_FOLDER), _STARTER_FOLDER)
    folder = Path(spec.source).expanduser()
    if folder.is_dir():
        _check_folder(folder, spec)
        return ModelSource(str(folder), folder)
    if folder.is_file():
        raise ModelMissingError(
            f"model {spec.source}: is a file, not a folder",
            hint=f"name the folder that holds it: --model {folder.parent}",
        )
    if not _HUB_ID.fullmatch(spec.source):
        raise ModelMissingError(
            f"model {spec.source}: no such folder{_near_miss(folder)}", hint="--model starter is built in"
        )
    return ModelSource(spec.source, None, spec.revision)


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of a folder, else its pickle files, in name order."""
    return sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))


def fingerprint(source: ModelSource) -> dict[str, str]:
    """Return the SHA-256 of each file that decides what the model computes; empty for a hub id (its revision tells)."""
    if source.folder is None:
        return {}
    files = [*weight_files(source.folder), source.folder / "config.json"]
    return {path.name: file_sha256(path) for path in files if path.exists()}


def _check_folder(folder: Path, spec: ModelSpec) -> None:
    if not (folder / "config.json").is_file():
        is_adapter = (folder / "adapter_config.json").is_file()
        hint = (
            "this is an adapter: name its base model here, or chat with the run that made it"
            if is_adapter
            else "a transformers checkpoint has a config.json"
        )
        raise ModelMissingError(f"model {spec.source}: the folder has no config.json", hint=hint)
    weights = weight_files(folder)
    if not weights:
        raise ModelMissingError(
            f"model {spec.source}: the folder has no weights", hint="a transformers checkpoint has model*.safetensors"
        )
    if weights[0].suffix != ".safetensors" and not spec.allow_pickle:
        raise ModelError(
            f"model {spec.source}: its weights are pickle files ({weights[0].name}), which can run code",
            hint="convert them to safetensors, or trust them with --set model.allow_pickle=true",
        )
    if not any((folder / name).is_file() for name in _TOKENIZER_FILES):
        raise ModelMissingError(
            f"model {spec.source}: the folder has no tokenizer", hint="copy the base model's tokenizer.json into it"
        )


def _near_miss(folder: Path) -> str:
    parent = folder.parent
    names = [path.name for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []
    close = difflib.get_close_matches(folder.name, names, n=1)
    return f"; did you mean {parent / close[0]}?" if close else ""
