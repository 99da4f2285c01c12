"""Somebody else's model as one more column: the same rows, sent to a service, graded as every other column is.

A row that the service does not answer is a failure of every grader, with the service's reason, and never a wrong
answer. Tokens are those that the service counted. Does not know keys, prices, nor how a prompt came about.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tunewright.data.rows import Message
from tunewright.evaluate.baselines.asked import Asked
from tunewright.evaluate.columns import ColumnFacts, column_of, graded_answer
from tunewright.graders.grade import Grader, Output
from tunewright.infer.engine import Sampling
from tunewright.infer.remote import RemoteAnswer, RemoteEngine
from tunewright.runs import evaluation as parts

_MAX_REASONS = 3
_DRAWN = (
    "the service lets nobody set the temperature: its answers are drawn, and differ from one evaluation to the next"
)


def remote_column(
    facts: ColumnFacts,
    service: RemoteEngine,
    graders: Mapping[str, Grader],
    asked: Sequence[Asked],
    max_new_tokens: int,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> parts.Column:
    """Return the column of what `service` answers, greedily; its model is `model at URL`, whatever `facts` say.

    Scores of the whole set are over the rows that were answered; a note says how many were not. `usage` is None where
    the service counted no tokens: a cost of 0 would be a lie.

    Raises:
        ModelError: as `RemoteEngine.chat`, if the first request shows that none can succeed.
    """
    started = time.perf_counter()
    said = service.chat(
        [openai_messages(each.messages) for each in asked],
        Sampling(max_new_tokens=max_new_tokens),
        tools=[each.row.tools for each in asked],
        on_progress=on_progress,
    )
    seconds = time.perf_counter() - started
    answers = [_answer(each, answer, graders) for each, answer in zip(asked, said, strict=True)]
    facts = replace(facts, model=f"{service.model} at {service.url}", settings={**facts.settings, "url": service.url})
    # An answer that was never given is no wrong one, in the scores of the set as in those of single answers.
    told = [number for number, answer in enumerate(said) if not answer.error]
    rows, graded = [asked[number] for number in told], [answers[number] for number in told]
    column = column_of(facts, rows, graded, graders, seconds)
    good = [said[number] for number in told]
    return column.model_copy(
        update={
            "answers": answers,
            "num_shortened": sum(each.is_shortened for each in asked),
            "usage": _usage(good, seconds),
            "notes": [
                *_failures(said),
                *([] if service.takes_temperature else [_DRAWN]),
                *_timing(good, service.num_parallel),
                *_counting(good),
            ],
        }
    )


def openai_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return the conversation in OpenAI's form: arguments of calls as text, no content beside calls without words."""
    return [_openai_message(message) for message in messages]


def _openai_message(message: Message) -> dict[str, Any]:
    plain: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        plain["content"] = message.content or None
        plain["tool_calls"] = [_openai_call(call) for call in message.tool_calls]
    if message.tool_call_id:
        plain["tool_call_id"] = message.tool_call_id
    if message.name:
        plain["name"] = message.name
    return plain


def _openai_call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"]
    arguments = function["arguments"]
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return {**call, "function": {**function, "arguments": text}}


def _answer(asked: Asked, said: RemoteAnswer, graders: Mapping[str, Grader]) -> parts.Answer:
    if said.error:
        return parts.Answer(
            text="",
            has_ended=False,
            prompt_tokens=0,
            completion_tokens=0,
            failures=dict.fromkeys(graders, said.error),
            note=asked.note,
        )
    output = Output(said.text.strip(), said.has_ended, said.completion_tokens)
    answer = graded_answer(asked, output, graders, prompt_tokens=said.prompt_tokens or 0)
    return answer.model_copy(update={"seconds": said.seconds})


def _usage(good: Sequence[RemoteAnswer], seconds: float) -> parts.Usage | None:
    counted = _counted(good)
    if not counted:
        return None
    times = _times(good)
    return parts.Usage(
        prompt_tokens=float(np.mean([num_prompt for num_prompt, _ in counted])),
        completion_tokens=float(np.mean([num_answer for _, num_answer in counted])),
        latency_p50=float(np.percentile(times, 50)) if times else None,
        latency_p95=float(np.percentile(times, 95)) if times else None,
        num_timed=len(times),
        rows_per_s=len(good) / seconds if seconds > 0 else None,
    )


def _counted(good: Sequence[RemoteAnswer]) -> list[tuple[int, int]]:
    """Return (tokens of the prompt, tokens of the answer) of the answers where the service gave both."""
    pairs = ((answer.prompt_tokens, answer.completion_tokens) for answer in good)
    return [(prompt, answer) for prompt, answer in pairs if prompt is not None and answer is not None]


def _times(good: Sequence[RemoteAnswer]) -> list[float]:
    return [answer.seconds for answer in good if answer.seconds is not None]


def _failures(said: Sequence[RemoteAnswer]) -> list[str]:
    reasons = Counter(answer.error for answer in said if answer.error)
    if not reasons:
        return []
    shown = "; ".join(f"{reason} ({count:,})" for reason, count in reasons.most_common(_MAX_REASONS))
    more = f"; and {len(reasons) - _MAX_REASONS:,} reasons more" if len(reasons) > _MAX_REASONS else ""
    return [f"{reasons.total():,} of {len(said):,} rows got no answer and are in no score: {shown}{more}"]


def _timing(good: Sequence[RemoteAnswer], num_parallel: int) -> list[str]:
    times = _times(good)
    if not times:
        return []
    under_way = min(num_parallel, len(times))
    text = f"latency of {len(times):,} requests, up to {under_way} under way at a time, network included"
    if _counted(good):
        return [text]
    # Without tokens there is no usage to keep it in.
    return [f"{text}: median {np.percentile(times, 50):.2f} s, 95th percentile {np.percentile(times, 95):.2f} s"]


def _counting(good: Sequence[RemoteAnswer]) -> list[str]:
    num_without = len(good) - len(_counted(good))
    if not num_without:
        return []
    what = "nothing is known of its cost" if num_without == len(good) else "means of tokens are of the others"
    return [f"the service counted no tokens for {num_without:,} of {len(good):,} answers: {what}"]
