"""Lineage is complete, survives its file, and a newer format is refused by name."""

from __future__ import annotations

import hashlib
from pathlib import Path

import orjson
import pytest

from tunewright.errors import RunError
from tunewright.runs.machine import read_hardware
from tunewright.runs.manifest import (
    BaseModelLineage,
    DataFile,
    Manifest,
    Seeds,
    file_sha256,
    load_manifest,
    read_versions,
    recipe_sha256,
    save_manifest,
)
from tunewright.spec.recipe import build_recipe


def _manifest() -> Manifest:
    return Manifest(
        run_id="r",
        recipe_sha256="0",
        data=(DataFile(role="train", path="caf\udce9", sha256="1", num_rows=2),),
        base_model=BaseModelLineage(source="starter", weights_sha256={"model.safetensors": "2"}),
        versions=read_versions(),
        seeds=Seeds(train=1, split=2),
        hardware=read_hardware(device="cpu", precision="fp32"),
    )


def test_load_undoes_save(tmp_path: Path) -> None:
    manifest = _manifest()
    save_manifest(tmp_path / "m", manifest)
    assert load_manifest(tmp_path / "m") == manifest


def test_newer_format_is_refused_by_version_even_with_unknown_keys(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(orjson.dumps({"format_version": 7, "soul": True}))
    with pytest.raises(RunError, match="format version 7") as caught:
        load_manifest(tmp_path / "m")
    assert "upgrade" in caught.value.hint


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"format_version": "x"}', b'{"format_version": 1, "soul": 1}']
)
def test_damaged_manifest_is_a_run_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(RunError):
        load_manifest(tmp_path / "m")


def test_versions_name_what_is_installed_and_none_else() -> None:
    versions = read_versions()
    assert versions.python is not None
    assert all(value is None or value for _, value in versions)


def test_recipe_hash_is_of_what_is_asked_for() -> None:
    plain = build_recipe({})
    assert recipe_sha256(plain) == recipe_sha256(build_recipe({"name": "x", "output": "y"}))
    assert recipe_sha256(plain) != recipe_sha256(build_recipe({"train": {"seed": 1}}))


def test_file_hash_is_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert file_sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()
