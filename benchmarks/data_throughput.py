"""The speed and memory of the data room: the structural check, encoding beside TRL, the search for near duplicates.

    python benchmarks/data_throughput.py                    # all of it; several minutes and 2 GB of disk
    python benchmarks/data_throughput.py --only encode      # one part: check, memory, encode or duplicates

TRL is measured where it is installed (pip install trl). Prints tables and writes
`benchmarks/results/data_throughput.json`; a part that is not run keeps its former figures.

check: one process reads and checks 200 MB of chat rows; memory: 2 GB of them. encode: TRL's preparation is timed by
making an SFTTrainer of the rows, less the same with two rows; at its default (one process; nothing is masked) and
with `dataset_num_proc=2`; ours renders, finds the answers, tokenises, masks and packs into forests of 8,192 tokens.
Both get the same rows, the same tokenizer and an empty cache, in turn, several times; medians and ratios count.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duplicates
import orjson
from data_rows import chat_lines, write_rows

from tunewright.data.encode import EncodedRow, encode_stream
from tunewright.data.forest import pack
from tunewright.data.formats import chat
from tunewright.data.rows import Row
from tunewright.models.hardware import choose_hardware
from tunewright.models.load import load_model
from tunewright.models.source import find_model
from tunewright.models.tokenizer import HfChatTokenizer, load_tokenizer
from tunewright.spec.model import ModelSpec
from tunewright.spec.train import HardwareSpec

RESULTS = Path(__file__).parent / "results" / "data_throughput.json"
FOREST_TOKENS = 8192
REPEATS = 5
MB = 10**6


# ── check ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def measure_check(num_bytes: int, repeats: int, sizes: tuple[int, ...] = (200, 1000)) -> list[dict[str, Any]]:
    """Measure the check on files of rows of each size, each pass in a process of its own."""
    results: list[dict[str, Any]] = []
    for row_bytes in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.jsonl"
            write_rows(path, num_bytes, row_bytes)
            command = [sys.executable, str(Path(__file__).with_name("check_once.py")), str(path)]
            passes = [json.loads(subprocess.check_output(command)) for _ in range(repeats)]
            size_mb = path.stat().st_size / MB
        seconds = statistics.median(each["seconds"] for each in passes)
        result = {
            "bytes_per_row": round(size_mb * MB / passes[0]["rows"]),
            "megabytes": round(size_mb),
            "mb_per_s": round(size_mb / seconds, 1),
            "mb_per_cpu_s": round(size_mb / statistics.median(each["cpu_seconds"] for each in passes), 1),
            "peak_mb": round(max(each["peak_mb"] for each in passes)),
            "passes": passes,
        }
        results.append(result)
        print(
            f"check, {result['bytes_per_row']:>5} B a row, {result['megabytes']:>5} MB: {result['mb_per_s']:>6} MB/s "
            f"({result['mb_per_cpu_s']} MB a CPU second), peak {result['peak_mb']} MB",
            flush=True,
        )
    return results


# ── encode ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def encode_and_pack(rows: list[Row], tokenizer: HfChatTokenizer) -> int:
    """Encode and pack all rows; return the number of tokens."""
    num_tokens = size = 0
    waiting: list[EncodedRow] = []
    for encoded in encode_stream(rows, tokenizer):
        assert isinstance(encoded, list), str(encoded)
        for row in encoded:
            if waiting and size + row.num_tokens > FOREST_TOKENS:
                num_tokens += pack(waiting).num_tokens
                waiting, size = [], 0
            waiting.append(row)
            size += row.num_tokens
    return num_tokens + pack(waiting).num_tokens


def trl_preparation(records: list[dict[str, Any]], tokenizer: HfChatTokenizer, num_proc: int | None) -> float:
    """Return the seconds in which TRL prepares the records."""
    import datasets
    import trl

    datasets.disable_caching()
    datasets.disable_progress_bars()
    model = load_model(find_model(ModelSpec()), ModelSpec(), choose_hardware(HardwareSpec(device="cpu")))

    def make(rows: Any) -> float:
        with tempfile.TemporaryDirectory() as scratch:
            config = trl.SFTConfig(
                output_dir=scratch, dataset_num_proc=num_proc, report_to=[], use_cpu=True, bf16=False
            )
            began = time.perf_counter()
            trl.SFTTrainer(model=model, args=config, train_dataset=rows, processing_class=tokenizer.inner)
            return time.perf_counter() - began

    everything, two = datasets.Dataset.from_list(records), datasets.Dataset.from_list(records[:2])
    return make(everything) - make(two)


def measure_encode(num_rows: int) -> list[dict[str, Any]]:
    """Measure rows of one answer and rows of two, each about 1 kB."""
    shapes = {"one answer": (chat_lines(1700), 3), "two answers": (chat_lines(1000), 5)}
    return [
        {"shape": name, **measure_shape(name, [_first_turns(next(lines), turns) for _ in range(num_rows)])}
        for name, (lines, turns) in shapes.items()
    ]


def _first_turns(line: bytes, num_messages: int) -> dict[str, Any]:
    return {"messages": orjson.loads(line)["messages"][:num_messages]}


def measure_shape(name: str, records: list[dict[str, Any]]) -> dict[str, Any]:
    """Measure ours and TRL in turn; return tokens per second and ratios."""
    rows = [row for n, record in enumerate(records, 1) if isinstance(row := chat.read(record, "rows.jsonl", n), Row)]
    num_tokens = encode_and_pack(rows, fresh_tokenizer())

    def ours() -> float:
        tokenizer = fresh_tokenizer()
        began = time.perf_counter()
        encode_and_pack(rows, tokenizer)
        return time.perf_counter() - began

    arms: dict[str, Callable[[], float]] = {"tunewright": ours}
    if importlib.util.find_spec("trl"):
        arms["trl, default"] = lambda: trl_preparation(records, fresh_tokenizer(), None)
        arms["trl, dataset_num_proc=2"] = lambda: trl_preparation(records, fresh_tokenizer(), 2)
    else:
        print("trl is not installed: only ours is measured")
    measured: dict[str, list[float]] = {each: [] for each in arms}
    for _ in range(REPEATS):
        for each, arm in arms.items():
            gc.collect()  # what one arm left behind is not the next one's to clean up
            measured[each].append(arm())
    print(f"encode, {len(rows):,} rows of {name}, {num_tokens:,} tokens; medians of {REPEATS}")
    return {"rows": len(rows), "tokens": num_tokens, "arms": list(_compared(measured, num_tokens))}


def fresh_tokenizer() -> HfChatTokenizer:
    """Return the starter's tokenizer, which remembers nothing yet."""
    return load_tokenizer(find_model(ModelSpec()), ModelSpec())


def _compared(measured: dict[str, list[float]], num_tokens: int) -> Iterator[dict[str, Any]]:
    own = statistics.median(measured["tunewright"])
    for name, times in measured.items():
        median = statistics.median(times)
        print(f"  {name:26}{median:>8.2f} s{num_tokens / median:>12,.0f} tokens/s   ours is {median / own:>4.1f} ×")
        yield {"name": name, "seconds": times, "tokens_per_s": round(num_tokens / median), "ratio": median / own}


# ── duplicates ───────────────────────────────────────────────────────────────────────────────────────────────────────


def measure_duplicates() -> dict[str, Any]:
    """Measure the search for near duplicates in a million short rows, in a process of its own."""
    found = duplicates.measured("search")
    print(f"duplicates: {found['rows']:,} rows in {found['seconds']} s, peak {found['peak_mb']} MB", flush=True)
    return found


# ── all ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

PARTS: dict[str, Callable[[], Any]] = {
    "check": lambda: measure_check(200 * MB, REPEATS),
    "memory": lambda: measure_check(2000 * MB, 1, (1000,)),
    "encode": lambda: measure_encode(6000),
    "duplicates": measure_duplicates,
}


def main() -> None:
    """Run the parts that are asked for, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, action="append")
    given = parser.parse_args()
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for part in given.only or PARTS:
        results[part] = PARTS[part]()
        RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
