"""Near duplicates: rensa against datasketch on the same shingles, and the whole search on a million short rows.

    python benchmarks/duplicates.py

Each measurement is a process of its own, so that its peak memory is its own. Both libraries make 128 hashes per row;
bands and exact pairs are computed here alike for both. datasketch is needed for this script only. Prints and writes
`benchmarks/results/duplicates.json`. With other work on the machine the seconds are upper bounds.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tunewright.data.duplicates.clusters import find_duplicates
from tunewright.data.duplicates.minhash import NUM_HASHES, rows_per_band
from tunewright.data.duplicates.shingles import TextSet

RESULTS = Path(__file__).parent / "results" / "duplicates.json"
NUM_COMPARED, NUM_SEARCHED, THRESHOLD = 20_000, 1_000_000, 0.8


def generated(num_rows: int, seed: int = 1) -> Iterator[str]:
    """Yield rows of 60 to 100 characters: 5 % repeat the row before, 10 % change one word of it."""
    draw = random.Random(seed)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9))) for _ in range(5000)]
    row = draw.choices(words, k=13)
    for _ in range(num_rows):
        chance = draw.random()
        if chance >= 0.15:
            row = draw.choices(words, k=draw.randint(10, 15))
        elif chance >= 0.05:
            row[draw.randrange(len(row))] = draw.choice(words)
        yield " ".join(row)


def peak_mb() -> float:
    """Return the most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def search() -> dict[str, Any]:
    """Measure the search in a million rows; the rows themselves are held in memory before it begins."""
    rows = list(generated(NUM_SEARCHED))
    before, begin = peak_mb(), time.perf_counter()
    found = find_duplicates(rows, THRESHOLD)
    seconds = time.perf_counter() - begin
    mean = sum(map(len, rows)) / len(rows)
    return {
        "rows": NUM_SEARCHED,
        "mean_characters": round(mean, 1),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(time.process_time(), 1),
        "peak_mb": round(peak_mb()),
        "peak_mb_before": round(before),
        "clusters": len(found.clusters),
        "duplicates": found.num_duplicates,
    }


def with_rensa(hashes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return signatures, [rows, NUM_HASHES]."""
    from rensa import RMinHash  # pyright: ignore[reportAttributeAccessIssue]  - compiled, without types

    matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets, NUM_HASHES, 1)
    return np.array(matrix.to_rows(), dtype=np.uint64)


def with_datasketch(hashes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return signatures, [rows, NUM_HASHES]; the hashes are given as they are, so that no second hash is paid for."""
    from datasketch import MinHash

    sets = (hashes[begin:end].tolist() for begin, end in pairwise(offsets))
    made = MinHash.generator(sets, num_perm=NUM_HASHES, seed=1, hashfunc=int)
    return np.stack([each.hashvalues for each in made]).astype(np.uint64)


LIBRARIES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "rensa": with_rensa,
    "datasketch": with_datasketch,
}


def library(name: str) -> dict[str, Any]:
    """Measure one library: seconds for the signatures; recall of its bands; error and precision of its estimate."""
    texts = TextSet(generated(NUM_COMPARED))
    hashes, offsets = texts.shingles(np.arange(texts.num_texts))
    before, begin = peak_mb(), time.perf_counter()
    signatures = LIBRARIES[name](hashes, offsets)
    seconds, peak = time.perf_counter() - begin, peak_mb()
    truth = exact_pairs(hashes, offsets, THRESHOLD)
    pairs = np.array(list(truth))
    estimate = (signatures[pairs[:, 0]] == signatures[pairs[:, 1]]).mean(axis=1)
    near = {pair for pair, similarity in truth.items() if similarity >= THRESHOLD}
    said = {pair for pair, share in zip(truth, estimate, strict=True) if share >= THRESHOLD}
    candidates = banded_pairs(signatures)
    return {
        "library": name,
        "texts": texts.num_texts,
        "seconds": round(seconds, 2),
        "added_mb": round(peak - before),
        "true_pairs": len(near),
        "recall_of_bands": round(len(near & candidates) / len(near), 4),
        "recall_of_estimate": round(len(near & said) / len(near), 4),
        "precision_of_estimate": round(len(near & said) / len(said), 4),
        "mean_error_of_estimate": round(float(np.abs(estimate - np.array(list(truth.values()))).mean()), 4),
    }


def banded_pairs(signatures: np.ndarray) -> set[tuple[int, int]]:
    """Return the pairs that agree in a band."""
    num_rows = rows_per_band(THRESHOLD)
    found: set[tuple[int, int]] = set()
    for begin in range(0, NUM_HASHES // num_rows * num_rows, num_rows):
        buckets: defaultdict[bytes, list[int]] = defaultdict(list)
        for row, key in enumerate(np.ascontiguousarray(signatures[:, begin : begin + num_rows])):
            buckets[key.tobytes()].append(row)
        found.update((a, b) for rows in buckets.values() for i, b in enumerate(rows) for a in rows[:i])
    return found


def exact_pairs(hashes: np.ndarray, offsets: np.ndarray, threshold: float) -> dict[tuple[int, int], float]:
    """Return pairs with their Jaccard index: all at the threshold, and those below it that share a rare shingle."""
    sets = [set(hashes[begin:end].tolist()) for begin, end in pairwise(offsets)]
    frequency = Counter(piece for each in sets for piece in each)
    rows_of: defaultdict[int, list[int]] = defaultdict(list)
    found: dict[tuple[int, int], float] = {}
    for row, own in enumerate(sets):
        rarest = sorted(own, key=lambda piece: (frequency[piece], piece))[: int((1 - threshold) * len(own)) + 1]
        for other in {other for piece in rarest for other in rows_of[piece]}:
            shared = len(own & sets[other])
            found[other, row] = shared / (len(own) + len(sets[other]) - shared)
        for piece in rarest:
            rows_of[piece].append(row)
    return found


def measured(what: str) -> dict[str, Any]:
    """Return what a process of its own measured."""
    command = [sys.executable, __file__, what]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)


def main() -> None:
    """Measure all, print and write."""
    libraries = [measured(name) for name in LIBRARIES]
    for row in libraries:
        print(row)
    searched = measured("search")
    print(searched)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    note = f"{os.cpu_count()} cores, other work ran beside it (load at the end {load}): seconds are upper bounds"
    result = {"libraries": libraries, "search": searched, "note": note}
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        print(json.dumps(search() if sys.argv[1] == "search" else library(sys.argv[1])))
