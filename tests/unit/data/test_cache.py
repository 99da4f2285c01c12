"""Encoded rows on disk: what comes back is what went in, or nothing."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tunewright.data.cache import CachedRows, EncodedCache, cache_key, code_version, default_folder
from tunewright.errors import StorageError

NAMES = ("ids", "weights", "offsets", "turns")
KEY = cache_key({"data": "a"})


def make_rows(lengths: list[int], seed: int = 0) -> CachedRows:
    generator = np.random.default_rng(seed)
    total = sum(lengths)
    return CachedRows(
        generator.integers(0, 2**31 - 1, total, dtype=np.int32),
        generator.random(total, dtype=np.float32),
        np.cumsum([0, *lengths], dtype=np.int64),
        generator.integers(0, 2**62, (len(lengths), 2), dtype=np.int64),
    )


def assert_equal(left: CachedRows | None, right: CachedRows) -> None:
    assert left is not None
    for name in NAMES:
        one, other = getattr(left, name), getattr(right, name)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


class TestKeys:
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=5,
    )
    parts = st.dictionaries(st.text(max_size=6), values, min_size=1, max_size=5)

    @staticmethod
    def told_apart(value: Any) -> Any:
        """Return what `==` compares as strictly as a key does: 1, 1.0 and True are three values, 0.0 and -0.0 two."""
        if isinstance(value, dict):
            return {name: TestKeys.told_apart(item) for name, item in value.items()}
        return [TestKeys.told_apart(item) for item in value] if isinstance(value, list) else repr(value)

    @given(parts, st.data())
    def test_any_changed_part_changes_the_key(self, parts: dict[str, Any], data: st.DataObject) -> None:
        name, value = data.draw(st.sampled_from(sorted(parts))), data.draw(self.values)
        is_same = self.told_apart(value) == self.told_apart(parts[name])
        assert (cache_key({**parts, name: value}) == cache_key(parts)) == is_same

    @given(parts, st.text(max_size=8), values)
    def test_a_part_more_or_less_changes_the_key(self, parts: dict[str, Any], name: str, value: Any) -> None:
        without = {other: item for other, item in parts.items() if other != name}
        assert cache_key({**without, name: value}) != cache_key(without)

    @given(parts)
    def test_the_order_of_the_parts_does_not_matter(self, parts: dict[str, Any]) -> None:
        assert cache_key(dict(reversed(parts.items()))) == cache_key(parts)

    def test_text_does_not_run_over_from_one_part_into_the_next(self) -> None:
        assert cache_key({"a": "x", "b": "yz"}) != cache_key({"a": "xy", "b": "z"})

    @pytest.mark.parametrize("value", [object(), b"bytes", {1: "one"}, {"deep": [{2}]}])
    def test_what_cannot_be_told_apart_is_refused(self, value: object) -> None:
        with pytest.raises(TypeError, match="cache key"):
            cache_key({"part": value})

    def test_a_changed_source_file_or_version_changes_the_code_version(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        module = ModuleType("encode")
        module.__file__ = str(tmp_path / "encode.py")
        Path(module.__file__).write_text("a = 1\n", encoding="utf-8")
        versions = [code_version([module])]
        Path(module.__file__).write_text("a = 2\n", encoding="utf-8")
        versions.append(code_version([module]))
        monkeypatch.setattr("tunewright.data.cache.__version__", "99")
        versions.append(code_version([module]))
        assert len(set(versions)) == 3


class TestEntries:
    @settings(max_examples=30)
    @example([], 0)
    @example([0, 0], 0)
    @given(st.lists(st.integers(0, 40), max_size=20), st.integers(0, 9))
    def test_rows_come_back_exactly(
        self, tmp_path_factory: pytest.TempPathFactory, lengths: list[int], seed: int
    ) -> None:
        rows = make_rows(lengths, seed)
        folder = tmp_path_factory.mktemp("cache")
        assert EncodedCache(folder).save(KEY, rows)
        assert_equal(EncodedCache(folder).load(KEY), rows)

    def test_long_rows_are_mapped_and_nobody_can_change_them(self, tmp_path: Path) -> None:
        cache = EncodedCache(tmp_path)
        for key, rows in ((KEY, make_rows([300_000])), ("1" * 64, make_rows([3]))):
            cache.save(key, rows)
            loaded = cache.load(key)
            assert_equal(loaded, rows)
            assert loaded is not None
            assert isinstance(loaded.ids, np.memmap) == (len(rows.ids) > 1000)
            with pytest.raises(ValueError, match="read-only"):
                loaded.ids[0] = 0

    def test_another_key_finds_nothing(self, tmp_path: Path) -> None:
        cache = EncodedCache(tmp_path)
        cache.save(KEY, make_rows([3]))
        assert cache.load(cache_key({"data": "b"})) is None
        # Nor does the same entry under a name that is not its own.
        (tmp_path / KEY).rename(tmp_path / ("0" * 64))
        assert cache.load("0" * 64) is None

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.sampled_from([*(f"{name}.npy" for name in NAMES), "entry.json"]), st.data())
    def test_flipped_bytes_are_never_served(self, tmp_path: Path, name: str, data: st.DataObject) -> None:
        cache, rows = EncodedCache(tmp_path), make_rows([3, 0, 5])
        assert cache.save(KEY, rows)
        file = tmp_path / KEY / name
        content = bytearray(file.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        file.write_bytes(content)
        # A space of the JSON may become another: then nothing is damaged.
        if (loaded := cache.load(KEY)) is not None:
            assert name == "entry.json"
            assert_equal(loaded, rows)
        # And what is saved next takes its place.
        assert cache.save(KEY, rows)
        assert_equal(cache.load(KEY), rows)

    @pytest.mark.parametrize("name", [*(f"{name}.npy" for name in NAMES), "entry.json"])
    @pytest.mark.parametrize("left", [None, 0, 0.5, 0.99])
    def test_a_file_that_is_missing_or_cut_is_never_served(self, tmp_path: Path, name: str, left: float | None) -> None:
        cache, rows = EncodedCache(tmp_path), make_rows([30, 50])
        cache.save(KEY, rows)
        file = tmp_path / KEY / name
        content = file.read_bytes()
        if left is None:
            file.unlink()
        else:
            file.write_bytes(content[: int(len(content) * left)])
        assert cache.load(KEY) is None
        assert cache.save(KEY, rows)
        assert_equal(cache.load(KEY), rows)

    def test_files_of_two_entries_are_never_mixed(self, tmp_path: Path) -> None:
        cache, other = EncodedCache(tmp_path), cache_key({"data": "b"})
        cache.save(KEY, make_rows([4], seed=1))
        cache.save(other, make_rows([4], seed=2))
        (tmp_path / other / "ids.npy").replace(tmp_path / KEY / "ids.npy")
        assert cache.load(KEY) is None

    @pytest.mark.parametrize(
        ("changed", "fault"),
        [
            ({"ids": np.zeros(3, np.int64)}, "ids must be int32"),
            ({"weights": np.zeros(2, np.float32)}, "weights must be as long"),
            ({"offsets": np.array([0, 2])}, "offsets must go from 0 to 3"),
            ({"offsets": np.array([0, 4, 3])}, "never fall"),
            ({"turns": np.zeros((2, 2), np.int64)}, "one entry for each of 1 rows"),
        ],
    )
    def test_arrays_that_do_not_fit_are_refused(self, changed: dict[str, np.ndarray], fault: str) -> None:
        rows = make_rows([3])
        with pytest.raises(ValueError, match=fault):
            CachedRows(**{**{name: getattr(rows, name) for name in NAMES}, **changed})


class TestFolder:
    def test_the_entry_used_longest_ago_goes_first(self, tmp_path: Path) -> None:
        cache = EncodedCache(tmp_path, max_bytes=30_000)
        keys = [cache_key({"number": number}) for number in range(4)]
        for age, key in zip((300, 200, 100), keys, strict=False):
            cache.save(key, make_rows([1000]))
            os.utime(tmp_path / key, (time.time() - age, time.time() - age))
        assert cache.load(keys[0]) is not None
        cache.save(keys[3], make_rows([1000]))
        assert [cache.load(key) is not None for key in keys] == [True, False, True, True]

    def test_the_size_stays_within_its_bound(self, tmp_path: Path) -> None:
        cache = EncodedCache(tmp_path, max_bytes=40_000)
        for number in range(12):
            assert cache.save(cache_key({"number": number}), make_rows([1500], number))
            assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) <= 40_000

    def test_what_is_larger_than_the_bound_is_not_kept_and_pushes_nothing_out(self, tmp_path: Path) -> None:
        cache = EncodedCache(tmp_path, max_bytes=40_000)
        cache.save(KEY, make_rows([1000]))
        assert not cache.save("0" * 64, make_rows([100_000]))
        assert cache.load(KEY) is not None

    def test_what_a_killed_writer_left_goes_and_what_one_at_work_has_stays(self, tmp_path: Path) -> None:
        old, new = tmp_path / ".a.1.tmp", tmp_path / ".b.2.tmp"
        for folder in (old, new):
            folder.mkdir()
            (folder / "ids.npy").write_bytes(b"half")
        os.utime(old, (0, 0))
        EncodedCache(tmp_path).save(KEY, make_rows([3]))
        assert not old.exists()
        assert new.exists()

    def test_writers_and_readers_at_once_leave_and_see_whole_entries(self, tmp_path: Path) -> None:
        rows = [make_rows([2000], seed) for seed in range(3)]
        keys = [cache_key({"number": number}) for number in range(3)]
        wrong: list[str] = []

        def work(start: int) -> None:
            # Room for two of three, so that entries also go while others read them.
            cache = EncodedCache(tmp_path, max_bytes=45_000)
            for turn in range(12):
                number = (start + turn) % 3
                cache.save(keys[number], rows[number])
                found = cache.load(keys[number])
                if found is not None and not np.array_equal(found.ids, rows[number].ids):
                    wrong.append(keys[number])

        threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
        assert EncodedCache(tmp_path).save(KEY, rows[0])
        assert not list(tmp_path.glob(".*.tmp"))

    def test_a_storage_that_refuses_costs_the_entry_and_nothing_else(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise StorageError("no space is left on the device")

        monkeypatch.setattr("tunewright.data.cache.write_json", refuse)
        assert not EncodedCache(tmp_path).save(KEY, make_rows([3]))
        assert EncodedCache(tmp_path).load(KEY) is None
        assert not list(tmp_path.iterdir())

    def test_a_file_where_the_folder_should_be_costs_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "cache").write_text("in the way", encoding="utf-8")
        cache = EncodedCache(tmp_path / "cache")
        assert not cache.save(KEY, make_rows([3]))
        assert cache.load(KEY) is None

    def test_without_a_folder_nothing_is_kept(self) -> None:
        cache = EncodedCache(None)
        assert not cache.save(KEY, make_rows([3]))
        assert cache.load(KEY) is None


class TestDefaultFolder:
    @pytest.mark.parametrize(
        ("environment", "platform", "folder"),
        [
            ({"TUNEWRIGHT_CACHE": "off"}, "linux", None),
            ({"TUNEWRIGHT_CACHE": "OFF"}, "win32", None),
            ({"TUNEWRIGHT_CACHE": "mine", "XDG_CACHE_HOME": "/x"}, "linux", Path("mine")),
            ({"LOCALAPPDATA": "local"}, "win32", Path("local/tunewright/cache")),
            ({"XDG_CACHE_HOME": "relative"}, "linux", Path.home() / ".cache" / "tunewright"),
            ({}, "darwin", Path.home() / ".cache" / "tunewright"),
            ({}, "win32", Path.home() / "AppData" / "Local" / "tunewright" / "cache"),
        ],
    )
    def test_it_is_where_the_platform_keeps_caches(
        self, environment: dict[str, str], platform: str, folder: Path | None
    ) -> None:
        assert default_folder(environment, platform) == folder

    def test_an_absolute_xdg_folder_is_used(self, tmp_path: Path) -> None:
        assert default_folder({"XDG_CACHE_HOME": str(tmp_path)}, "linux") == tmp_path / "tunewright"

    def test_without_a_home_there_is_no_cache(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def homeless() -> Path:
            raise RuntimeError("no home")

        monkeypatch.setattr(Path, "home", homeless)
        assert default_folder({}, "linux") is None
