"""From a recipe's graders to live ones that need nothing more: labels told, judges given the model that answers.

Whatever can be known to fail is found here, before anything is measured: a judge's folder that is not there, a key that
is not set, a package that is missing. Weights wait until the judge's first question. Does not know which rows are
graded, nor what becomes of the grades.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tunewright.data.encode import encode_prompt
from tunewright.data.rows import Message
from tunewright.data.template import ChatTokenizer
from tunewright.errors import GraderError, ModelError, RowTooLongError
from tunewright.evaluate.baselines.asked import joined_system
from tunewright.graders.grade import Grader
from tunewright.graders.judge import Ask, Judge
from tunewright.graders.labels import Label
from tunewright.graders.make import make_graders
from tunewright.infer.engine import Sampling
from tunewright.infer.hf import HfEngine
from tunewright.infer.remote import remote_judge
from tunewright.models.hardware import choose_hardware
from tunewright.models.load import context_tokens, load_model
from tunewright.models.source import find_model
from tunewright.models.tokenizer import load_tokenizer
from tunewright.spec.grader import GraderNode, JudgeSpec
from tunewright.spec.model import ModelSpec
from tunewright.spec.train import HardwareSpec

_MAX_NEW_TOKENS = 1024


@dataclass(frozen=True, slots=True)
class LiveJudge:
    """A judge that can be asked: the title of its grader, what was wanted of it, and the callable that answers."""

    title: str
    spec: JudgeSpec
    ask: Ask


def live_graders(
    specs: Sequence[GraderNode], *, known: Sequence[str], taught: Sequence[str] = (), hardware: HardwareSpec
) -> dict[str, Grader]:
    """Return the graders by their titles, ready to grade.

    Judges of one local model share it. It is loaded once for each call of this function: call it once for a job.

    Args:
        known: references of training and held-out rows together: the labels that there are.
        taught: those of the training rows alone; labels that they lack are named with the scores. Empty: nobody knows.
        hardware: where a local judge computes.

    Raises:
        GraderError: if a grader cannot be made, a judge's folder is not there, or its key is not set.
        ModelError: if the URL of a judge is none, or its key cannot be sent.
        RecipeError: if `hardware` is not on this machine.
        MissingExtraError: if a grader needs a package that is not installed.
    """
    graders = make_graders(specs)
    local: dict[str, Ask] = {}
    for title, grader in graders.items():
        if isinstance(grader, Label):
            grader.use_labels(known, taught=taught)
        if isinstance(grader, Judge):
            grader.use_judge(_answerer(title, grader.spec, hardware, local))
    return graders


def judges(graders: Mapping[str, Grader]) -> list[LiveJudge]:
    """Return the judges among `graders` that can be asked, in their order; those for pairs have `spec.pairs`."""
    return [
        LiveJudge(title, grader.spec, grader.ask)
        for title, grader in graders.items()
        if isinstance(grader, Judge) and grader.ask is not None
    ]


class LocalJudge:
    """Answers with a model on this machine: greedily, with its own chat template. Meets `graders.judge.Ask`.

    Loads at the first question and keeps the model, or the reason why it cannot be loaded. Not thread-safe.

    Raises:
        ModelError: if `model` is a folder that is not there, or lacks something.
        RecipeError: if `hardware` is not on this machine.
    """

    def __init__(self, model: str, hardware: HardwareSpec) -> None:
        self._spec = ModelSpec(source=model)
        self._source = find_model(self._spec)
        self._hardware = choose_hardware(hardware)
        self._engine: HfEngine | None = None
        self._takes_system = True
        self._failure: Exception | None = None

    def __call__(self, messages: list[dict[str, str]]) -> str:
        """Return the answer.

        Raises:
            ModelError: if the model cannot be loaded.
            RowTooLongError: if the question leaves no room for an answer in the context.
        """
        engine = self._loaded()
        prompt = encode_prompt(self._turns(messages, engine.tokenizer), engine.tokenizer)
        context = context_tokens(engine.model)
        if len(prompt) >= context:
            raise RowTooLongError(
                f"the judge is asked with {len(prompt):,} tokens; the context of {self._spec.source} has {context:,}",
                hint="take a judge with a longer context",
            )
        return engine.generate([prompt], Sampling(max_new_tokens=_MAX_NEW_TOKENS))[0].text

    def _loaded(self) -> HfEngine:
        if self._failure is not None:
            raise self._failure
        if self._engine is None:
            try:
                tokenizer = load_tokenizer(self._source, self._spec)
                self._engine = HfEngine(load_model(self._source, self._spec, self._hardware), tokenizer)
            except Exception as error:
                # A hub id that cannot be had takes seconds to find out, and would for each row.
                self._failure = error
                raise
            self._takes_system = takes_system(tokenizer)
        return self._engine

    def _turns(self, messages: Sequence[Mapping[str, str]], tokenizer: ChatTokenizer) -> tuple[Message, ...]:
        turns = [Message(each["role"], without_control_tokens(each["content"], tokenizer)) for each in messages]
        system = "\n\n".join(each.content for each in turns if each.role == "system")
        others = [each for each in turns if each.role != "system"]
        return joined_system(others, system, takes_system=self._takes_system)


def takes_system(tokenizer: ChatTokenizer) -> bool:
    """Return whether the chat template shows a system turn: some refuse one, some drop it without a word."""
    probe = "tunewright-probe"
    messages = [Message("system", probe), Message("user", "?")]
    try:
        return probe in tokenizer.render(messages, add_generation_prompt=True)
    except Exception:  # noqa: BLE001 - a template may raise anything; all of it means no
        return False


def without_control_tokens(text: str, tokenizer: ChatTokenizer) -> str:
    """Return `text` with a space inside whatever would be read as a control token: `<|end|>` becomes `< |end|>`.

    An answer that spells the end of its turn could otherwise go on as the judge.
    """
    spelled = sorted((token for token in tokenizer.special_tokens if len(token) > 1), key=len, reverse=True)
    if not spelled:
        return text
    return re.sub("|".join(map(re.escape, spelled)), lambda found: f"{found[0][0]} {found[0][1:]}", text)


def _answerer(title: str, spec: JudgeSpec, hardware: HardwareSpec, local: dict[str, Ask]) -> Ask:
    if spec.url is not None:
        return remote_judge(spec)
    if spec.model not in local:
        try:
            local[spec.model] = LocalJudge(spec.model, hardware)
        except ModelError as error:
            raise GraderError(
                f"grader {title}: its judge cannot be used: {error.message}",
                hint="name the folder of a transformers checkpoint or a hub id, or set the url of a service",
            ) from error
    return local[spec.model]
