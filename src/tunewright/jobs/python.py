"""The Python interface: fine-tune with one call, open a run, read it, talk to its model.

Wraps the job and the run folder and adds no ability of its own, so that scripts, notebooks and the command line get the
same run from the same wish. Does not know how a conversation looks on a screen.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import torch  # noqa: F401 - first, so that without it the missing package is named, not one of its users

from tunewright.data.encode import encode_prompt
from tunewright.errors import RecipeError, RowTooLongError, RunExistsError
from tunewright.evaluate.page.run_page import write_report
from tunewright.infer.engine import Sampling
from tunewright.infer.hf import HfEngine
from tunewright.jobs.load import load_engine, trained_tokenizer
from tunewright.jobs.notebook import python_listener
from tunewright.jobs.train import finetune as perform
from tunewright.models.hardware import choose_hardware
from tunewright.models.load import context_tokens, load_model
from tunewright.models.source import find_model
from tunewright.models.tokenizer import load_tokenizer
from tunewright.runs.atomic import write_bytes
from tunewright.runs.folder import RunFolder, check_free, default_run_path
from tunewright.runs.recorder import Silent
from tunewright.runs.summary import RunSummary, score_text, scores_of, summarise
from tunewright.spec.recipe import build_recipe
from tunewright.spec.recipe_yaml import Tree, override
from tunewright.spec.train import HardwareSpec

Data = str | Path | Sequence[str | Path] | Sequence[Mapping[str, Any]]
Turn = dict[str, str]


def finetune(
    model: str | Path = "starter",
    data: Data = (),
    *,
    validation: Data | None = None,
    test: Data | None = None,
    method: str = "lora",
    output: str | Path | None = None,
    progress: bool = True,
    overrides: Mapping[str, Any] | None = None,
) -> Run:
    """Fine-tune `model` on `data` and return the run.

    Args:
        data, validation, test: a path, `path:weight`, a list of them, or rows as dicts. Rows are first saved beside the
            run folder (`<run>-rows.jsonl`, `<run>-validation-rows.jsonl`, …), so that the run can be resumed.
        overrides: any other recipe key, dotted: `{"train.learning_rate": 1e-4}`.

    Raises:
        TunewrightError: as `jobs.train.finetune`; an invalid setting is a RecipeError with all faults.
    """
    given: dict[str, Data] = {"train": data}
    given |= {role: rows for role, rows in (("validation", validation), ("test", test)) if rows is not None}
    objects = {role: _objects(rows) for role, rows in given.items()}
    sources = {role: _paths(rows) for role, rows in given.items() if not objects[role]}
    tree: Tree = {"model": {"source": str(model)}, "method": {"kind": method}, "data": sources}
    if output is not None:
        tree["output"] = str(output)
    tree = override(tree, [f"{key}={json.dumps(value, default=str)}" for key, value in (overrides or {}).items()])
    written = _save_rows({role: rows for role, rows in objects.items() if rows}, tree)
    try:
        listener = python_listener() if progress else Silent()
        with warnings.catch_warnings():
            # One library tells another what it will have to change; the reader of a notebook can do nothing about it.
            warnings.filterwarnings("ignore", category=FutureWarning)
            return Run(perform(build_recipe(tree), listener))
    except BaseException:
        # What never became a run leaves nothing behind.
        if written and not RunFolder(Path(tree["output"])).recipe_path.exists():
            for path in written:
                path.unlink(missing_ok=True)
        raise


def load_run(path: str | Path) -> Run:
    """Return the run at `path`.

    Raises:
        RunMissingError: if there is none.
    """
    return Run(RunFolder.open(Path(path)))


class Run:
    """A run on disk. Everything is read when it is asked for, so a run may still be going on."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._engine: HfEngine | None = None

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.path

    @property
    def verdict(self) -> str:
        """Whether it helped: `contains: 2 % → 81 % on 170 held-out rows`; empty if nothing was scored."""
        return self.summary().verdict

    def summary(self) -> RunSummary:
        """Return how the run stands and what came of it."""
        return summarise(self.folder)

    def metrics(self) -> list[dict[str, Any]]:
        """Return the numbers of every step, one dict each: `pandas.DataFrame(run.metrics())`."""
        return [row.model_dump() for row in self.folder.metrics()]

    def chat(self, messages: str | Sequence[Mapping[str, str]], **sampling: Any) -> str:
        """Return the tuned model's answer to a question or to a list of messages (`role`, `content`).

        A plain question gets the system prompt that the run's rows share. The model is loaded once.

        Args:
            sampling: fields of `Sampling`: `max_new_tokens`, `temperature`, `top_p`, `seed`.
        """
        if self._engine is None:
            self._engine = load_engine(self.folder, self.folder.recipe().train.hardware)
        turns = [dict(message) for message in messages] if not isinstance(messages, str) else []
        if isinstance(messages, str):
            system = shared_system(self.folder)
            turns = [{"role": "system", "content": system}] if system else []
            turns.append({"role": "user", "content": messages})
        prompt = encode_prompt(turns, self._engine.tokenizer)
        _check_fits(prompt, self._engine)
        return self._engine.generate([prompt], _sampling(sampling))[0].text.strip()

    def conversation(
        self, *, system: str | None = None, base: bool = False, device: str | None = None, **sampling: Any
    ) -> Conversation:
        """Return a conversation with the tuned model, or with its base.

        Args:
            system: the system prompt; None takes the one that the run's rows share, an empty text takes none.
            device: as `train.hardware.device`; None takes the recipe's.
            sampling: as `chat`.

        Raises:
            RunError: if the run has no result yet.
            ModelError, RecipeError: if the model cannot be loaded, or not there.
        """
        hardware = self.folder.recipe().train.hardware
        if device is not None:
            hardware = build_recipe({"train": {"hardware": {"device": device}}}).train.hardware
        engine = _base_engine(self.folder, hardware) if base else load_engine(self.folder, hardware)
        opening = shared_system(self.folder) if system is None else system
        return Conversation(engine, _sampling(sampling), opening)

    def write_report(self) -> Path:
        """Write the report page again and return its path."""
        return write_report(self.folder)

    def __repr__(self) -> str:
        summary = self.summary()
        return f"<Run {self.path}: {summary.state}{', ' + summary.verdict if summary.verdict else ''}>"

    def _repr_html_(self) -> str:
        """Return the run as a notebook shows it: the verdict and a small table of scores."""
        summary, found = self.summary(), self.folder.evaluation()
        base, tuned = (scores_of(found.first(kind) if found else None) for kind in ("base", "tuned"))
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{score_text(name, base[name])}</td><td>{score_text(name, score)}</td></tr>"
            for name, score in tuned.items()
            if name in base
        )
        table = f"<table><tr><th></th><th>base</th><th>tuned</th></tr>{rows}</table>" if rows else ""
        verdict = escape(summary.verdict or summary.message or summary.state)
        return f"<div><b>{verdict}</b>{table}<code>{escape(str(self.path))}</code></div>"


class Conversation:
    """Turns that build on each other. When they outgrow the model's context, the oldest are dropped.

    Not thread-safe. `num_dropped` counts the turns that the last question had to leave out for good.
    """

    def __init__(self, engine: HfEngine, sampling: Sampling, system: str = "") -> None:
        self.engine = engine
        self.system = system
        self.sampling = sampling
        self.turns: list[Turn] = []
        self.num_dropped = 0

    def reset(self) -> None:
        """Forget every turn; the system prompt stays."""
        self.turns.clear()

    def ask(self, text: str) -> Iterator[str]:
        """Yield the answer in pieces. A reader that stops early keeps the turn with the answer so far.

        Raises:
            RowTooLongError: if the question alone does not fit the context; it is then not part of the conversation.
        """
        question = {"role": "user", "content": text}
        kept = list(self.turns)
        prompt = self._prompt([*kept, question])
        room = context_tokens(self.engine.model)
        room -= min(self.sampling.max_new_tokens, room // 2)
        while kept and len(prompt) > room:
            kept = kept[2:]
            prompt = self._prompt([*kept, question])
        _check_fits(prompt, self.engine)
        self.num_dropped = len(self.turns) - len(kept)
        # Another seed for another turn: a repeated question may then get another sample.
        sampling = replace(self.sampling, seed=self.sampling.seed + len(kept))
        answer = ""
        try:
            for piece in self.engine.stream(prompt, sampling):
                shown = piece if answer else piece.lstrip()
                answer += shown
                if shown:
                    yield shown
        finally:
            self.turns = [*kept, question, {"role": "assistant", "content": answer}]

    def _prompt(self, turns: Sequence[Turn]) -> list[int]:
        system = [{"role": "system", "content": self.system}] if self.system else []
        return encode_prompt([*system, *turns], self.engine.tokenizer)


def shared_system(run: RunFolder) -> str:
    """Return the system prompt of the run's rows if its samples all have the same one, else an empty text."""
    evaluation = run.evaluation()
    firsts = [row.prompt[0] for row in evaluation.test.rows if row.prompt] if evaluation else []
    found = {message.content if message.role == "system" else "" for message in firsts}
    return found.pop() if len(found) == 1 else ""


def _sampling(fields: Mapping[str, Any]) -> Sampling:
    return Sampling(**{"max_new_tokens": 256, **fields})


def _base_engine(run: RunFolder, hardware: HardwareSpec) -> HfEngine:
    """Return an engine over the base model, with the template of the run's rows where there is an artifact."""
    spec = run.recipe().model
    source, artifact = find_model(spec), run.artifact()
    tokenizer = trained_tokenizer(artifact[1], spec) if artifact is not None else load_tokenizer(source, spec)
    return HfEngine(load_model(source, spec, choose_hardware(hardware)), tokenizer)


def _check_fits(prompt: Sequence[int], engine: HfEngine) -> None:
    context = context_tokens(engine.model)
    if len(prompt) >= context:
        raise RowTooLongError(
            f"the message has {len(prompt):,} tokens, system prompt included; the model's context has {context:,}",
            hint="shorten it, or use a model with a longer context",
        )


def _objects(data: Data) -> list[Mapping[str, Any]]:
    """Return the rows among `data` if they are objects; none if they are paths.

    Raises:
        RecipeError: if `data` mixes rows and paths or holds something else.
    """
    items = [data] if isinstance(data, str | Path) else list(data)
    rows = [item for item in items if isinstance(item, Mapping)]
    wrong = [item for item in items if not isinstance(item, str | Path | Mapping)]
    if wrong:
        kind = type(wrong[0]).__name__
        rule = "must be a path, a list of paths or a list of row dicts"
        raise RecipeError(f"data: {rule}, got {kind}", hint="data='rows.jsonl'")
    if rows and len(rows) < len(items):
        raise RecipeError("data: mixes paths and rows", hint="save the rows to a file, or read the files yourself")
    return rows


def _paths(data: Data) -> list[str]:
    return [str(item) for item in ([data] if isinstance(data, str | Path) else data)]


def _save_rows(objects: Mapping[str, Sequence[Mapping[str, Any]]], tree: Tree) -> list[Path]:
    """Write rows given as objects beside the run folder to be, name both in `tree`, and return the files.

    Raises:
        RunExistsError: if a file is there already.
        StorageError: if it cannot be written.
    """
    if not objects:
        return []
    recipe = build_recipe(tree)
    run = Path(recipe.output) if recipe.output else default_run_path(recipe, datetime.now())
    check_free(run)
    names = {role: f"{run.name}-rows.jsonl" if role == "train" else f"{run.name}-{role}-rows.jsonl" for role in objects}
    paths = {role: run.with_name(name) for role, name in names.items()}
    for path in paths.values():
        if path.exists():
            raise RunExistsError(f"{path}: rows of another run are there already", hint="choose another output")
    run.parent.mkdir(parents=True, exist_ok=True)
    for role, rows in objects.items():
        write_bytes(paths[role], b"".join(_json_line(row, role, line) for line, row in enumerate(rows, start=1)))
        tree["data"][role] = [str(paths[role])]
    tree["output"] = str(run)
    return list(paths.values())


def _json_line(row: Mapping[str, Any], role: str, line: int) -> bytes:
    try:
        return json.dumps(dict(row), ensure_ascii=False).encode() + b"\n"
    except (TypeError, ValueError) as error:
        message = f"data.{role}: row {line} cannot be written as JSON: {error}"
        raise RecipeError(message, hint="use plain values") from error
