"""Memory and disk of a job, from its outline: closed forms, added up phase by phase; the largest phase is the peak.

Deliberately does not measure time, nor decide what would fit instead.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from tunewright.data.encode import EncodedRow
from tunewright.data.rows import Row
from tunewright.evaluate.sample import stratified_order
from tunewright.graders.make import named_grader
from tunewright.jobs.planning.outline import Known, Outline
from tunewright.models.estimate import ForestSize, forward_bytes, peak_bytes
from tunewright.models.source import weight_files
from tunewright.runs.usage import resident_bytes

_USUAL_PROCESS = 450 * 2**20
"""Python with the libraries, where the system does not tell what this process holds."""
_LATE_BYTES = 50 * 2**20
"""Code that the libraries load, and work space that they take, when they first compute."""
_CUDA_CONTEXT = 600 * 2**20
_KERNEL_BYTES = 300_000
_KERNEL_CACHES = ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY")
_USUAL_CACHE = 1024
"""oneDNN keeps code and work space for every shape of a bf16 product, in two caches of so many shapes."""
_FIRST_KERNELS, _BY_MATRIX, _KERNEL_GROWTH = 66e6, 128.0, 0.45
"""Of n forests of a model whose matrices have m bytes on average it keeps about (first + by_matrix · m) · n^growth."""
_MATRICES = 7
_WITHOUT_ADAPTERS = 0.62
"""All of it measured on AVX512-BF16, at 1 to 60 steps of models of 5 M and 24 M weights."""
_RETAINED = 0.5
"""Share of a smaller phase's memory that the C library's heap keeps while a larger one takes its own."""
_METRICS_BYTES, _REPORT_BYTES, _ANSWER_BYTES = 450, 60_000, 2_000


@dataclass(frozen=True, slots=True)
class AnswerBatch:
    """Rows answered at once: how many, tokens of the longest prompt, tokens of the longest reference answer."""

    rows: int
    prompt: int
    reference: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of the peak: what the process holds anyway, and what each phase adds.

    `weights`, `optimizer` (masters, gradients, state) and `activations` are those of training.
    """

    total: int
    process: int
    kernels: int
    weights: int
    optimizer: int
    activations: int
    loading: int
    training: int
    scoring: int
    answering: int


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes in the run folder; `peak` while the last checkpoint is written beside those that are kept."""

    peak: int
    checkpoint: int
    num_checkpoints: int
    artifact: int
    other: int


def answer_batches(known: Known, planned: Outline, rows: Sequence[EncodedRow]) -> list[AnswerBatch]:
    """Return the batches in which held-out `rows` are answered, the shortest prompts first."""
    spec = planned.recipe.evaluate
    by_source = {id(row.source): row for row in rows if isinstance(row.source, Row)}
    sources = [row.source for row in by_source.values() if isinstance(row.source, Row)]
    chosen = stratified_order(sources, planned.recipe.data.split_seed).rows[: spec.max_rows]
    lengths = [
        (by_source[id(s)].num_tokens - by_source[id(s)].num_supervised, by_source[id(s)].num_supervised) for s in chosen
    ]
    lengths.sort()
    batches = [lengths[start : start + spec.batch_size] for start in range(0, len(lengths), spec.batch_size)]
    return [AnswerBatch(len(b), max(p for p, _ in b), max(a for _, a in b)) for b in batches]


def predict_memory(known: Known, planned: Outline, process_bytes: int | None) -> Memory:
    """Return the peak; `process_bytes` is what a process holds before a model is loaded, None if not known."""
    shape, held, checkpointing = planned.shape, planned.held, planned.checkpointing
    on_cpu = known.hardware.device == "cpu"
    held_anyway = _USUAL_PROCESS if process_bytes is None else process_bytes
    process = held_anyway + _LATE_BYTES if on_cpu else _CUDA_CONTEXT
    kernels = _kernel_bytes(planned) if on_cpu and known.hardware.precision == "bf16" else 0
    activations = max((peak_bytes(shape, s, checkpointing=checkpointing) for s in planned.train.all), default=0)
    beside = held.weights + held.masters + held.state
    scoring = beside + max((forward_bytes(shape, size) for size in _scored(planned)), default=0)
    batches = answer_batches(known, planned, known.tokens.test)
    answering = beside + max((_answer_bytes(planned, batch) for batch in batches), default=0)
    training = held.peak(activations)
    retained = round(_RETAINED * min(activations, scoring - beside)) if on_cpu else 0
    loading = held.weights + (_file_bytes(known) if on_cpu else 0)
    return Memory(
        total=process + kernels + max(training, scoring, answering, loading) + retained,
        process=process,
        kernels=kernels,
        weights=held.weights,
        optimizer=held.masters + held.state + held.gradients,
        activations=activations,
        loading=loading,
        training=training,
        scoring=scoring,
        answering=answering,
    )


def predict_disk(known: Known, planned: Outline) -> Disk:
    """Return the bytes of the run folder when it is largest."""
    train, held = planned.recipe.train, planned.held
    every = train.save_steps or planned.num_steps
    num_saves = 1 + planned.num_steps // every + (planned.num_steps % every > 0)
    # Those that were due, the one of this step, the best, and the best that each of them remembers.
    num_checkpoints = min(2 * train.keep_checkpoints + 1, num_saves)
    is_whole = planned.artifact == "model"
    artifact = known.hardware.dtype.itemsize * known.num_parameters if is_whole else 4 * held.num_learning
    answers = sum(batch.rows for batch in answer_batches(known, planned, known.tokens.test))
    frozen = planned.shape.width * planned.shape.element_bytes * sum(row.num_tokens for row in known.tokens.train)
    other = frozen if planned.keeps_frozen else 0
    other += _METRICS_BYTES * planned.num_steps + _REPORT_BYTES + _ANSWER_BYTES * answers + _tokenizer_bytes(known)
    peak = max((num_checkpoints + 1) * held.checkpoint, num_checkpoints * held.checkpoint + artifact) + other
    return Disk(peak, held.checkpoint, num_checkpoints, artifact, other)


def answers_in_validation(planned: Outline) -> bool:
    """Return whether every validation lets the model answer, because a grader decides which weights are best."""
    return named_grader(planned.recipe.train.stop.metric, planned.recipe.evaluate.graders) is not None


def process_bytes() -> int | None:
    """Return what this process holds now; None where the system does not tell."""
    return resident_bytes()


def free_memory(device: str, own_bytes: int | None) -> int | None:
    """Return the memory that a job on `device` could take, this process's own part included; None if not known."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(torch.device(device))[0])
    if device != "cpu":
        return None
    found = [bytes_ for bytes_ in (_machine_free(), _group_free()) if bytes_ is not None]
    return min(found) + (own_bytes or 0) if found else None


def free_disk(folder: Path) -> int | None:
    """Return the free bytes where `folder` is or will be; None if that cannot be told."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        return shutil.disk_usage(place).free
    except OSError:
        return None


def _kernel_bytes(planned: Outline) -> int:
    shape = planned.shape
    capacity = max(int(os.environ.get(name) or _USUAL_CACHE) for name in _KERNEL_CACHES)
    matrix_bytes = shape.element_bytes * shape.layer_weights / _MATRICES
    num_forests = planned.train.num_forests + len({(size.tokens, size.places) for size in _scored(planned)})
    found = (_FIRST_KERNELS + _BY_MATRIX * matrix_bytes) * num_forests**_KERNEL_GROWTH
    if not shape.num_ranks:
        found *= _WITHOUT_ADAPTERS
    return round(min(capacity * 2 * (_KERNEL_BYTES + matrix_bytes), found))


def _scored(planned: Outline) -> list[ForestSize]:
    return [*planned.validation.all, *planned.test.all, *planned.hardest.all]


def _answer_bytes(planned: Outline, batch: AnswerBatch) -> int:
    shape = planned.shape
    tokens = batch.rows * batch.prompt
    length = batch.prompt + planned.recipe.evaluate.max_new_tokens
    # A cache that grows is copied: old and new stand side by side, one layer at a time.
    cache = 2 * shape.element_bytes * batch.rows * length * shape.key * (shape.num_layers + 1)
    logits = 3 * 4 * batch.rows * shape.vocabulary
    return cache + max(logits, forward_bytes(shape, ForestSize(tokens, 1, 1, 0, 0, batch.prompt**2, False)))


def _file_bytes(known: Known) -> int:
    """The file is mapped into memory while its weights are copied out of it."""
    if known.source.folder is None:
        return known.hardware.dtype.itemsize * known.num_parameters
    return sum(path.stat().st_size for path in weight_files(known.source.folder))


def _tokenizer_bytes(known: Known) -> int:
    folder = known.source.folder
    files = [] if folder is None else [*folder.glob("*token*"), *folder.glob("vocab*"), *folder.glob("merges*")]
    return sum(path.stat().st_size for path in files) or 5_000_000


def _machine_free() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found = {name: value for name, _, value in (line.partition(":") for line in lines)}
        return int(found["MemAvailable"].split()[0]) * 1024
    except (OSError, LookupError, ValueError):
        return None


def _group_free() -> int | None:
    """Return what the process's control group may still take, in a container with a limit."""
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        try:
            most, now = Path(limit).read_text(encoding="ascii").strip(), Path(used).read_text(encoding="ascii").strip()
            return int(most) - int(now)
        except (OSError, ValueError):
            continue
    return None
