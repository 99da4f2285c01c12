"""A price table is the shipped one with the user's laid over it; every slip in it is named at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewright.errors import RecipeError
from tunewright.evaluate.advice.prices import load_prices

MACHINE = "{dollars_per_hour: 0.12, source: bill, as_of: 2026-03-01}"


def _written(folder: Path, text: str) -> Path:
    path = folder / "prices.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_shipped_table_prices_the_machine_in_use_and_names_every_source() -> None:
    prices = load_prices()
    assert prices.here.dollars_per_hour > 0
    assert all(price.source and price.as_of for price in [*prices.machines.values(), *prices.services.values()])


def test_users_entries_are_laid_over_ours(tmp_path: Path) -> None:
    service = "{input_per_million: 0.5, output_per_million: 1.5, source: contract, as_of: '2026'}"
    prices = load_prices(
        _written(tmp_path, f"machine: office\nmachines:\n  office: {MACHINE}\nservices:\n  big-1: {service}\n")
    )
    assert prices.here.dollars_per_hour == 0.12
    assert prices.here.as_of == "2026-03-01"
    assert prices.machines.keys() == {*load_prices().machines, "office"}
    assert prices.services["big-1"].output_per_million == 1.5


@pytest.mark.parametrize("text", ["", "machines:\nservices:\n", "# nothing\n"])
def test_empty_sections_change_nothing(tmp_path: Path, text: str) -> None:
    assert load_prices(_written(tmp_path, text)) == load_prices()


def test_all_faults_are_told_at_once_with_near_misses(tmp_path: Path) -> None:
    text = """
machine: gpu_80_gb
machins: {}
machines:
  office: {dolars_per_hour: 1, source: bill, as_of: "2026"}
  free: {dollars_per_hour: -1, source: "", as_of: "2026"}
services:
  big-1: {input_per_million: much, output_per_million: .inf, source: x, as_of: "2026"}
"""
    with pytest.raises(RecipeError, match="has 7 faults") as caught:
        load_prices(_written(tmp_path, text))
    told = [str(fault) for fault in caught.value.faults]
    assert any("machins: is not a key of a price table" in t and "did you mean machines?" in t for t in told)
    assert any("did you mean machines.office.dollars_per_hour?" in t for t in told)
    for path, rule in [
        ("machines.office.dollars_per_hour", "must be given"),
        ("machines.free.dollars_per_hour", "must be greater than or equal to 0"),
        ("machines.free.source", "at least 1 character"),
        ("services.big-1.input_per_million", "must be a valid number"),
        ("services.big-1.output_per_million", "must be a finite number"),
    ]:
        assert any(t.startswith(path) and rule in t for t in told), (path, told)


def test_machine_without_a_price_is_refused_with_those_that_have_one(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        load_prices(_written(tmp_path, "machine: laptop\n"))
    assert "machine must be one of cpu_2_cores, " in str(caught.value.faults[0])
    assert "got 'laptop'" in str(caught.value.faults[0])


@pytest.mark.parametrize(
    ("text", "reason"),
    [("a: [", "is not YAML"), ("a: 2026-02-31", "is not YAML"), ("- 1", "must be a mapping of keys, got list")],
)
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(RecipeError, match=reason):
        load_prices(_written(tmp_path, text))


def test_sections_that_are_no_mappings_are_faults(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="has 1 fault") as caught:
        load_prices(_written(tmp_path, "services: 5\n"))
    assert str(caught.value.faults[0]).startswith("services: must be a valid dictionary, got 5")


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no such price table"):
        load_prices(tmp_path / "none.yaml")
    with pytest.raises(RecipeError, match="cannot be read"):
        load_prices(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"machine: \xe9")
    with pytest.raises(RecipeError, match="cannot be read"):
        load_prices(tmp_path / "latin.yaml")
