"""The training benchmark gives every arm the same rows, and its smallest setting runs from end to end."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
PEERS = ("trl", "accelerate", "datasets")


@pytest.fixture
def train_rows(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("train_rows")


@pytest.mark.parametrize("name", ["plain", "system", "short", "pairs"])
def test_rows_depend_on_the_seed_alone_and_survive_their_file(
    name: str, train_rows: ModuleType, tmp_path: Path
) -> None:
    rows = train_rows.make_rows(name, 40, 512)
    again = train_rows.load_rows(train_rows.save_rows(tmp_path / "rows.npz", rows))
    for row, other in zip(rows, again, strict=True):
        assert np.array_equal(row.ids, other.ids)
        assert row.labels == other.labels
        assert 1 <= row.num_taught < len(row.ids)
        assert [label for label in row.labels if label != -100] == row.ids[-row.num_taught :].tolist()
    other_seed = train_rows.make_rows(name, 40, 512, seed=1)
    assert any(not np.array_equal(a.ids, b.ids) for a, b in zip(rows, other_seed, strict=True))


def test_the_sets_have_the_shapes_that_they_are_named_for(train_rows: ModuleType) -> None:
    sets = {name: train_rows.make_rows(name, 600, 512) for name in train_rows.ROW_SETS}
    lengths = {name: [len(row.ids) for row in rows] for name, rows in sets.items()}
    taught = {name: sum(row.num_taught for row in rows) for name, rows in sets.items()}
    assert 110 < np.mean(lengths["plain"]) < 140
    assert 0.35 < taught["plain"] / sum(lengths["plain"]) < 0.45
    assert 240 < np.mean(lengths["system"]) < 260
    assert len({row.ids[:200].tobytes() for row in sets["system"]}) == 1
    assert {row.num_taught for row in sets["short"]} == {1, 2, 3, 4}
    prompts = [len(row.ids) - row.num_taught for row in sets["pairs"]]
    assert prompts[::2] == prompts[1::2]


def test_ideal_of_pairs_is_the_share_of_tokens_that_differ(train_rows: ModuleType) -> None:
    prompt = np.arange(10, dtype=np.int32)
    answers = (np.full(5, 100, np.int32), np.full(5, 200, np.int32))
    pair = [train_rows.TokenRow(np.concatenate([prompt, answer]), 5) for answer in answers]
    assert train_rows.ideal_pair_cost(pair) == pytest.approx((10 + 2 * 5) / (2 * 10 + 2 * 5))


def test_our_arm_visits_the_rows_in_the_order_given(train_rows: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    arm = importlib.import_module("train_arms.tunewright_arm")
    from tunewright.data.order import epoch_rows

    rows = train_rows.make_rows("plain", 24, 512)
    laid = arm.visited_in_order(rows, seed=5)
    visited = [laid[index].ids for index in epoch_rows((len(rows),), (1.0,), 5, 0)]
    assert all(np.array_equal(row.ids, ids) for row, ids in zip(rows, visited, strict=True))


@pytest.mark.slow
@pytest.mark.skipif(any(importlib.util.find_spec(name) is None for name in PEERS), reason="the peers are not installed")
def test_smallest_setting_measures_all_arms_and_their_losses_agree(tmp_path: Path) -> None:
    output = tmp_path / "result.json"
    tiny = "--tiny --rounds 1 --steps 2 --rows 8 --no-sweep --only plain --only pairs".split()
    script = str(BENCHMARKS / "train_throughput.py")
    subprocess.run([sys.executable, script, *tiny, "--output", str(output)], check=True, capture_output=True)
    result = json.loads(output.read_text(encoding="utf-8"))
    arms = result["row_sets"]["plain"]["arms"]
    assert arms.keys() == {"tunewright", "trainer", "trl"}
    assert not [figures["error"] for figures in arms.values() if "error" in figures]
    assert result["row_sets"]["plain"]["checks"]["loss_from_trl"]["reached"]
    assert 0 < result["row_sets"]["pairs"]["ideal"] < 1
