"""The lineage of a run: from which rows, weights, template, versions, seeds and hardware it came.

Written when the run folder is created with what is known then, and rewritten as more becomes known. `format_version`
is the version of the whole folder. Does not compute the facts, except the hash of a file and of a recipe.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tunewright.errors import RunError
from tunewright.runs.atomic import write_json
from tunewright.runs.fields import Text, utc_now
from tunewright.spec.recipe import Recipe

FORMAT_VERSION = 1


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataFile(_Part):
    """One data file that was read."""

    role: Literal["train", "validation", "test"]
    path: Text
    sha256: str
    num_rows: int


class BaseModelLineage(_Part):
    """The base model; `weights_sha256` by file name."""

    source: Text
    weights_sha256: dict[str, str] = {}
    config_sha256: str | None = None


class Versions(_Part):
    """Versions of what computed; None where not installed."""

    tunewright: str | None = None
    python: str | None = None
    torch: str | None = None
    transformers: str | None = None
    peft: str | None = None
    tokenizers: str | None = None


class Seeds(_Part):
    """Seeds of everything random."""

    train: int
    split: int


class Hardware(_Part):
    """Where it was computed; device and precision are None until the model is loaded."""

    platform: str = ""
    cpu: str = ""
    cpu_flags: tuple[str, ...] = ()
    num_threads: int | None = None
    device: str | None = None
    precision: str | None = None


class StartedFrom(_Part):
    """The weights that training began with, where a recipe names some; run and step are None where nobody says."""

    path: Text
    run_id: str | None = None
    step: int | None = None
    sha256: str


class Manifest(_Part):
    """Everything that a second person needs in order to repeat the run."""

    format_version: Literal[1] = FORMAT_VERSION
    run_id: str
    created: str = Field(default_factory=utc_now)
    recipe_sha256: str
    data: tuple[DataFile, ...] = ()
    base_model: BaseModelLineage | None = None
    started_from: StartedFrom | None = None
    template_sha256: str | None = None
    vocabulary_sha256: str | None = None
    template_clock: datetime | None = None
    """What a chat template that asks for the time was told, on every day that the run was worked on."""
    versions: Versions = Versions()
    seeds: Seeds
    hardware: Hardware = Hardware()


def save_manifest(path: Path, manifest: Manifest) -> None:
    """Write the manifest in one atomic replacement."""
    write_json(path, manifest.model_dump(mode="json"))


def load_manifest(path: Path) -> Manifest:
    """Return the manifest at `path`.

    Raises:
        RunError: if it is damaged, or of a run folder that is newer than this version of tunewright.
    """
    try:
        tree = orjson.loads(path.read_bytes())
        _refuse_newer(path, tree)
        return Manifest.model_validate(tree)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise RunError(f"{path}: {where}: {first['msg']}", hint="the manifest is damaged or was edited") from error
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read: {error}", hint="the manifest is damaged or was edited") from error


def _refuse_newer(path: Path, tree: Any) -> None:
    version = tree.get("format_version") if isinstance(tree, dict) else None
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise RunError(
            f"{path}: this run has format version {version}; this tunewright reads up to {FORMAT_VERSION}",
            hint="upgrade: pip install --upgrade tunewright",
        )


def recipe_sha256(recipe: Recipe) -> str:
    """Return the hash of what the recipe asks for; its name and output folder do not count."""
    tree = recipe.model_dump(mode="json", exclude={"name", "output"})
    return hashlib.sha256(orjson.dumps(tree, option=orjson.OPT_SORT_KEYS)).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_versions() -> Versions:
    """Return the installed versions, without importing the packages."""
    packages = ("tunewright", "torch", "transformers", "peft", "tokenizers")
    return Versions(python=platform.python_version(), **{name: _installed_version(name) for name in packages})


def _installed_version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
