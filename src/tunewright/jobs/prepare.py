"""All that can fail cheaply, done before a run folder exists: rows, tokenizer, model, automatic values, token rows.

A job that cannot start leaves nothing behind. What was found is told to the run's recorder once there is a run.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from transformers import PreTrainedModel

from tunewright.data import encode, rows, spans, template
from tunewright.data.cache import EncodedCache, cache_key, code_version, default_folder
from tunewright.data.contract import PromptContract, make_contract
from tunewright.data.encode import Encoded, EncodedRow
from tunewright.data.encode_cached import encode_cached
from tunewright.data.rows import Row, RowFault, TextRow
from tunewright.data.shorten import Shortened
from tunewright.data.token_rows import encode_rows
from tunewright.errors import NoRowsError, RecipeError
from tunewright.jobs.rows import RowSets, load_rows, unusable_error
from tunewright.methods.method import Method
from tunewright.models import segments
from tunewright.models.forward import ForestModel
from tunewright.models.hardware import Hardware, bound_kernel_caches, choose_hardware
from tunewright.models.layout import choose_layout
from tunewright.models.load import context_tokens, load_model, num_parameters
from tunewright.models.source import ModelSource, find_model
from tunewright.models.tokenizer import HfChatTokenizer, load_tokenizer
from tunewright.runs.events import DataRead, DataSplit, Event, Notice, RowLeftOut, RowShortened, RuleApplied
from tunewright.runs.recorder import Listener
from tunewright.spec.defaults import Choice, JobFacts, settle, total_steps
from tunewright.spec.maker import load_maker
from tunewright.spec.method import PromptSpec
from tunewright.spec.recipe import Recipe
from tunewright.train.optimizer import check_optimizer

# Below, encoding takes a moment, and the cache would fill with entries that nobody needs.
_NUM_ROWS_WORTH_KEEPING = 5_000
_ENCODING_CODE = (encode, rows, spans, template, segments)
_ENCODING_LIBRARIES = ("tokenizers", "transformers", "jinja2")


@dataclass(frozen=True)
class TokenRows:
    """The encoded rows of a job; training rows lie file after file, as `sizes` says."""

    train: tuple[EncodedRow, ...]
    sizes: tuple[int, ...]
    weights: tuple[float, ...]
    validation: tuple[EncodedRow, ...]
    test: tuple[EncodedRow, ...]
    left_out: tuple[RowFault, ...]
    shortened: tuple[Shortened, ...] = ()

    @property
    def num_visits(self) -> int:
        """Rows that one epoch visits."""
        return sum(max(1, round(n * w)) if n else 0 for n, w in zip(self.sizes, self.weights, strict=True))


@dataclass(frozen=True)
class Prepared:
    """A job that is ready to start; `recipe` is settled."""

    recipe: Recipe
    choices: tuple[Choice, ...]
    num_steps: int
    source: ModelSource
    tokenizer: HfChatTokenizer
    hardware: Hardware
    model: PreTrainedModel
    sets: RowSets
    tokens: TokenRows
    contract: PromptContract
    runner: ForestModel
    """The model as the loop and the scorer run it; `model` is the same object, for generation and for saving."""
    notices: tuple[Notice, ...] = ()

    @property
    def test_rows(self) -> list[Row]:
        """The held-out conversations that are answered; a plain text has no question."""
        return [encoded.source for encoded in self.tokens.test if isinstance(encoded.source, Row)]

    def events(self) -> Iterator[Event]:
        """Yield what the run folder should know of the preparation."""
        for role, result in self.sets.files:
            yield DataRead(
                role=role,
                path=str(result.path),
                format=result.format,
                num_rows=len(result.rows),
                num_unusable=result.num_records - len(result.rows),
                sha256=result.sha256,
            )
            if result.notice:
                yield Notice(message=result.notice)
        for fault in (*self.sets.left_out, *self.tokens.left_out):
            reason = str(fault).removeprefix(f"{fault.path}:{fault.line}: ")
            yield RowLeftOut(path=fault.path, line=fault.line, reason=reason)
        for each in self.tokens.shortened:
            yield RowShortened(**asdict(each))
        yield DataSplit(
            num_train=len(self.tokens.train),
            num_validation=len(self.tokens.validation),
            num_test=len(self.tokens.test),
            test_is_validation=self.sets.test_is_validation,
        )
        if self.runner.choice.layout == "padded" and self.recipe.train.hardware.layout != "padded":
            yield Notice(
                message=f"rows are padded instead of packed: {self.runner.choice.reason}",
                hint="results are the same; training takes longer, most of all where rows share a prompt",
            )
        yield from self.notices
        for choice in self.choices:
            yield RuleApplied(path=choice.path, value=choice.value, rule=choice.rule)
        if not self.tokenizer.has_own_template:
            yield Notice(
                message="the tokenizer has no chat template: a plain one is used, and travels with the result",
                hint="'User: …', 'Assistant: …', one turn a line",
            )
        if not self.tokenizer.end_mark.strip():
            yield Notice(
                message="the chat template writes no mark behind an answer: the model cannot learn where to stop",
                hint="use a template that ends each answer with the end-of-sequence token",
            )


def prepare(recipe: Recipe, listener: Listener, clock: datetime | None = None) -> Prepared:
    """Return the job of `recipe`, ready to start; `clock` is that of the run's first day when one is resumed.

    Raises:
        DataError, ModelError, RecipeError: whatever is wrong with rows, model or recipe; nothing was written.
    """
    listener.on_progress("reading data", 0, 1)
    bound_kernel_caches()
    sets = load_rows(recipe.data)
    source = find_model(recipe.model)
    hardware = choose_hardware(recipe.train.hardware)
    check_optimizer(recipe.train.optimizer, hardware.device)
    listener.on_progress("loading model", 0, 1)
    tokenizer = load_tokenizer(source, recipe.model, clock)
    method: Method = load_maker(recipe.method)(recipe.method)
    model = load_model(source, recipe.model, hardware, method.quantisation)
    # What stands in front of every row takes its place in the context.
    context = context_tokens(model) - (recipe.method.num_tokens if isinstance(recipe.method, PromptSpec) else 0)
    listener.on_progress("encoding rows", 0, 1)
    tokens = encode_sets(sets, tokenizer, recipe, context)
    facts = JobFacts(num_rows=tokens.num_visits, num_parameters=num_parameters(model), context_tokens=context)
    settled, choices = settle(recipe, facts)
    runner = _runner(model, settled, tokens)
    return Prepared(
        recipe=settled,
        choices=choices,
        num_steps=total_steps(settled, facts.num_rows),
        source=source,
        tokenizer=tokenizer,
        hardware=hardware,
        model=model,
        sets=sets,
        tokens=tokens,
        contract=make_contract(tokenizer),
        runner=runner,
        notices=_compiled(runner, settled),
    )


def _runner(model: PreTrainedModel, recipe: Recipe, tokens: TokenRows) -> ForestModel:
    hardware = recipe.train.hardware
    longest = max(row.num_tokens for row in (*tokens.train, *tokens.validation, *tokens.test))
    choice = choose_layout(model, hardware.layout, longest)
    return ForestModel(model, choice, checkpointing=hardware.activation_checkpointing)


def _compiled(runner: ForestModel, recipe: Recipe) -> tuple[Notice, ...]:
    reason = runner.compile_parts() if recipe.train.hardware.compile else ""
    if not reason:
        return ()
    return (Notice(message=f"nothing is compiled: {reason}", hint="leave out train.hardware.compile"),)


def _length_limit(recipe: Recipe, context: int) -> int:
    limit = recipe.data.max_length or context
    if limit > context:
        raise RecipeError(
            f"data.max_length: {limit:,} is more than the model's context of {context:,} tokens",
            hint=f"--set data.max_length={context}, or a model with a longer context",
        )
    return limit


def encode_sets(sets: RowSets, tokenizer: HfChatTokenizer, recipe: Recipe, context: int) -> TokenRows:
    """Return the rows of a job as token rows, by the recipe's policies; `context` is what the model takes at most.

    Raises:
        DataError: rows that cannot be used or are too long, where the recipe says so; no row that teaches anything.
        RecipeError: `data.max_length` is above the context.
    """
    limit = _length_limit(recipe, context)
    left_out: list[RowFault] = []
    template_faults: list[RowFault] = []
    shortened: list[Shortened] = []

    def encoded(some: Sequence[Row | TextRow]) -> tuple[EncodedRow, ...]:
        already = _kept_or_encoded(some, tokenizer) if len(some) >= _NUM_ROWS_WORTH_KEEPING else None
        policy = recipe.data.too_long
        result = encode_rows(some, tokenizer, limit, policy, context_tokens=context, already=already)
        left_out.extend(result.left_out)
        template_faults.extend(result.faults)
        shortened.extend(result.shortened)
        return result.rows

    train = [encoded(source.rows) for source in sets.train]
    validation = encoded(sets.validation)
    test = validation if sets.test_is_validation else encoded(sets.test)
    if template_faults and recipe.data.unusable == "error":
        raise unusable_error(template_faults)
    _refuse_nothing_taught([row for rows in train for row in rows], "train on", left_out)
    for some, purpose, given in ((validation, "validate with", sets.validation), (test, "score", sets.test)):
        if given:
            _refuse_nothing_taught(some, purpose, left_out)
    return TokenRows(
        train=tuple(row for rows in train for row in rows),
        sizes=tuple(len(rows) for rows in train),
        weights=tuple(source.weight for source in sets.train),
        validation=validation,
        test=test,
        left_out=tuple(left_out),
        shortened=tuple(shortened),
    )


def _kept_or_encoded(some: Sequence[Row | TextRow], tokenizer: HfChatTokenizer) -> list[Encoded]:
    libraries = {name: importlib.metadata.version(name) for name in _ENCODING_LIBRARIES}
    code = cache_key({"own": code_version(_ENCODING_CODE), "libraries": libraries})
    return encode_cached(some, tokenizer, EncodedCache(default_folder()), code)[0]


def _refuse_nothing_taught(some: Sequence[EncodedRow], purpose: str, left_out: Sequence[RowFault]) -> None:
    """Refuse a set without a single taught token: its loss would be 0.0 / 0, and look like success."""
    if any(row.num_supervised for row in some):
        return
    many = "1 was left out" if len(left_out) == 1 else f"{len(left_out):,} were left out"
    raise NoRowsError(
        f"no row is left to {purpose}, so nothing would be taught or measured: {many}",
        hint="raise data.max_length, or mend the rows; `tunewright data render FILE --model …` shows what is taught",
        faults=tuple(fault.as_fault() for fault in left_out),
    )
