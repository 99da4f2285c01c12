"""Somebody else's model: answers from any service that speaks OpenAI's `/chat/completions`.

It takes messages and no token ids, so it is no `Engine`. What shows that no request can succeed (a wrong key, an
unknown model, nobody at the address) is raised; whatever befalls one request is that answer's `error`. The key is sent
and never shown. Does not know prices, prompts or grades.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from tunewright.errors import GraderError, MissingExtraError, ModelError, ModelMissingError
from tunewright.infer.engine import Sampling
from tunewright.spec.baselines import ServiceSpec
from tunewright.spec.grader import JudgeSpec

_CONNECT_TIMEOUT_S = 10.0
_JUDGE_TOKENS = 1024
_CUT_OFF = ("length", "content_filter")
_NO_TEMPERATURE = re.compile(r"unsupported\b.{0,40}\btemperature|\btemperature\b.{0,40}\bnot support", re.IGNORECASE)
_USUAL_KEY_VARIABLE = "OPENAI_API_KEY"

Messages = Sequence[Mapping[str, Any]]
Tools = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class RemoteAnswer:
    """One answer, or the `error` why there is none.

    Attributes:
        text: what the model said; its refusal, if it gave that instead. Calls of tools stand behind it, each as JSON
            between `<tool_call>` marks (the form of Hermes), so that what reads a local model's answer reads this too.
        has_ended: False where a length limit or a filter of the service cut it off.
        prompt_tokens: as the service counted them; None if it did not say.
        completion_tokens: the same for the answer.
        seconds: from request to last byte of the attempt that succeeded, under the load of this engine's own threads.
        error: one short sentence, without the key; empty if there is an answer.
    """

    text: str = ""
    has_ended: bool = False
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float | None = None
    error: str = ""


class RemoteEngine:
    """Asks one model of one service. Thread-safe; `close` it when it is done with.

    Args:
        url: base URL, such as `https://api.openai.com/v1`.
        model: the name that the service knows it by.
        api_key: sent as the bearer token; empty for a service that asks for none.
        timeout_s: longest silence of the service before an attempt is given up.
        max_retries: further attempts after 408, 409, 429, 5xx, a lost connection or a timeout, with growing pauses.
        num_parallel: requests under way at once.

    Attributes:
        url: the base URL as it may be shown: without user, password and query.
        takes_temperature: False once the service has refused one: from then on it draws its answers as it likes.

    Raises:
        MissingExtraError: if openai is not installed.
        ModelError: if the key cannot be sent, or `url` is none.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        api_key: str,
        timeout_s: float = 60.0,
        max_retries: int = 2,
        num_parallel: int = 4,
    ) -> None:
        self.model = model
        self.url = _shown_url(url)
        self._key = _sendable(api_key)
        self.num_parallel = num_parallel
        self.takes_temperature = True
        self._limit_name = "max_tokens"
        self._has_answered = False
        self._openai = _openai()
        self._client: Any = self._openai.OpenAI(
            base_url=url,
            api_key=self._key or "none",
            max_retries=max_retries,
            timeout=self._openai.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_TIMEOUT_S)),
        )

    def chat(
        self,
        messages: Sequence[Messages],
        sampling: Sampling,
        *,
        tools: Sequence[Tools] | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[RemoteAnswer]:
        """Return one answer for each conversation, in their order; `on_progress(done, total)` after each.

        `tools` has those that each conversation may call, in OpenAI's form. The first request goes alone: while
        nothing was answered yet, it decides whether the others are tried.

        Raises:
            ModelMissingError: if the service does not know the model or the address (404).
            ModelError: if it refuses the key (401, 403), or nobody answers at the address.
        """
        answers: dict[int, RemoteAnswer] = {}
        offered = [()] * len(messages) if tools is None else tools

        def keep(index: int, answer: RemoteAnswer) -> None:
            answers[index] = answer
            if on_progress is not None:
                on_progress(len(answers), len(messages))

        if messages:
            keep(0, self.ask(messages[0], sampling, offered[0]))
        pool = ThreadPoolExecutor(max(1, self.num_parallel))
        try:
            futures = {
                pool.submit(self._answer, messages[index], sampling, offered[index]): index
                for index in range(1, len(messages))
            }
            for future in as_completed(futures):
                answer = future.result()
                keep(futures[future], RemoteAnswer(error=answer.message) if isinstance(answer, ModelError) else answer)
        finally:
            # An interrupted evaluation does not wait for requests that nobody has sent yet.
            pool.shutdown(cancel_futures=True)
        return [answers[index] for index in range(len(messages))]

    def ask(self, messages: Messages, sampling: Sampling, tools: Tools = ()) -> RemoteAnswer:
        """Return the answer to one conversation, in which `tools` may be called.

        Raises:
            ModelMissingError: as `chat`, if nothing was answered yet.
            ModelError: as `chat`, if nothing was answered yet.
        """
        answer = self._answer(messages, sampling, tools)
        if not isinstance(answer, ModelError):
            return answer
        if not self._has_answered:
            raise answer
        return RemoteAnswer(error=answer.message)

    def embeddings(self, texts: Sequence[str]) -> str:
        """Return what the service answers to `/embeddings` for `texts`, as it came: by the rules, a JSON object.

        Raises:
            ModelMissingError: if the service does not know the model or the address (404).
            ModelError: for whatever else keeps the request from being answered.
        """
        create = self._client.embeddings.with_raw_response.create
        try:
            return create(model=self.model, input=list(texts), encoding_format="float").http_response.text
        except (self._openai.OpenAIError, ValueError, TypeError) as error:
            fault = self._fault(error)
        raise fault if isinstance(fault, ModelError) else ModelError(fault.error)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _answer(self, messages: Messages, sampling: Sampling, tools: Tools) -> RemoteAnswer | ModelError:
        """Return the answer, or what makes every request to this service vain; never raises for a request."""
        try:
            response = self._send(messages, sampling, tools)
            answer = _read(response.text, response.elapsed.total_seconds())
        except (self._openai.OpenAIError, ValueError, TypeError) as error:
            return self._fault(error)
        self._has_answered = True
        return RemoteAnswer(error=f"{self.url}: {answer}") if isinstance(answer, str) else answer

    def _send(self, messages: Messages, sampling: Sampling, tools: Tools) -> Any:
        create = self._client.chat.completions.with_raw_response.create
        while True:
            request = self._request(messages, sampling, tools)
            try:
                return create(**request).http_response
            except self._openai.BadRequestError as error:
                if not self._gives_way(request, str(error.message)):
                    raise

    def _request(self, messages: Messages, sampling: Sampling, tools: Tools) -> dict[str, Any]:
        return {
            "model": self.model,
            "messages": [dict(message) for message in messages],
            "seed": sampling.seed,
            self._limit_name: sampling.max_new_tokens,
            **({"temperature": sampling.temperature} if self.takes_temperature else {}),
            # Some services take no `top_p` beside a temperature of 0, and 1 is the default everywhere.
            **({} if sampling.top_p == 1.0 else {"top_p": sampling.top_p}),
            # An empty list is refused by some.
            **({"tools": [dict(tool) for tool in tools]} if tools else {}),
        }

    def _gives_way(self, request: Mapping[str, Any], said: str) -> bool:
        """Whether to ask again without what OpenAI's newer models refuse and other services need."""
        if "max_tokens" in request and "max_completion_tokens" in said:
            self._limit_name = "max_completion_tokens"
            return True
        if "temperature" in request and _NO_TEMPERATURE.search(said):
            self.takes_temperature = False
            return True
        return False

    def _fault(self, error: Exception) -> RemoteAnswer | ModelError:
        """Return what befell one request, or what makes every request to this service vain."""
        if isinstance(error, self._openai.APIStatusError):
            return self._refused(error)
        cause = type(error.__cause__).__name__
        if isinstance(error, self._openai.APITimeoutError):
            # Nobody there, not merely slow.
            if cause == "ConnectTimeout":
                return self._unreachable("nobody answered in time")
            return RemoteAnswer(error=f"{self.url}: timed out, retries included")
        if isinstance(error, self._openai.APIConnectionError):
            if cause in ("ReadError", "RemoteProtocolError", "WriteError"):
                return RemoteAnswer(error=f"{self.url}: the connection was lost: {cause}")
            return self._unreachable(f"{cause}: {error.__cause__}")
        # ValueError and TypeError: messages that cannot become JSON (half a character, an object of Python's).
        return RemoteAnswer(error=self._clean(f"{self.url}: {type(error).__name__}: {error}"))

    def _refused(self, error: Any) -> RemoteAnswer | ModelError:
        said = self._clean(f"HTTP {error.status_code}: {error.message}")
        if error.status_code in (401, 403):
            return ModelError(
                f"{self.url}: the service refuses the key: {said}",
                hint="check the environment variable that holds the key, and that the key belongs to this address",
            )
        if error.status_code == 404:
            return ModelMissingError(
                f"{self.url}: the service has no model {self.model!r}, or nothing at this address: {said}",
                hint=f"GET {self.url}/models lists its models; the address usually ends in /v1",
            )
        return RemoteAnswer(error=f"{self.url}: {said}")

    def _unreachable(self, reason: str) -> ModelError:
        return ModelError(
            self._clean(f"{self.url}: cannot be reached: {reason}"),
            hint="check the address (http:// or https://, host and port) and that the service is running",
        )

    def _clean(self, text: str) -> str:
        # A service may repeat the key that it refuses.
        text = " ".join(text.split())
        return (text.replace(self._key, "…") if self._key else text)[:300]


def service_of(spec: ServiceSpec) -> RemoteEngine:
    """Return the engine of a service; the key comes from the environment variable `spec.key_variable`.

    A service on this machine (`localhost`, `127.0.0.1`, `::1`) may do without a key, if the recipe names no variable of
    its own.

    Raises:
        ModelError: if the variable is not set, the key cannot be sent, or the URL is none.
        MissingExtraError: if openai is not installed.
    """
    key = _key_from(spec.key_variable, spec.url, f"the service {spec.model!r}", ModelError)
    return RemoteEngine(spec.url, spec.model, api_key=key, timeout_s=spec.timeout_s)


def remote_judge(spec: JudgeSpec) -> Callable[[list[dict[str, str]]], str]:
    """Return what asks the judge of `spec`, at temperature 0 and seed 0; the key comes from `spec.key_variable`.

    The callable raises ModelError with the reason if a request got no answer. If the very first one showed that none
    can succeed, the later ones say the same without another try.

    Raises:
        GraderError: if `spec` has no URL, or the variable is not set; see `service_of`.
        ModelError: if the URL is none, or the key cannot be sent.
        MissingExtraError: if openai is not installed.
    """
    if spec.url is None:
        raise GraderError(f"the judge {spec.model!r} has no url: it is no remote model", hint="set url in the grader")
    key = _key_from(spec.key_variable, spec.url, f"the judge {spec.model!r}", GraderError)
    engine = RemoteEngine(spec.url, spec.model, api_key=key, timeout_s=spec.timeout_s)
    refusals: list[ModelError] = []

    def ask(messages: list[dict[str, str]]) -> str:
        if refusals:
            raise refusals[0]
        try:
            answer = engine.ask(messages, Sampling(max_new_tokens=_JUDGE_TOKENS))
        except ModelError as error:
            refusals.append(error)
            raise
        if answer.error:
            raise ModelError(answer.error)
        return answer.text

    return ask


def _key_from(variable: str, url: str, who: str, error: type[GraderError | ModelError]) -> str:
    key = os.environ.get(variable, "")
    if not key.strip() and not (variable == _USUAL_KEY_VARIABLE and _is_on_this_machine(url)):
        raise error(
            f"{who} needs a key: the environment variable {variable} is not set",
            hint=f"set {variable}; for a service that asks for no key, any text will do",
        )
    return key


def _is_on_this_machine(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _read(text: str, seconds: float) -> RemoteAnswer | str:
    """Return the answer in a response, or what is wrong with it: services differ, so nothing is taken for granted."""
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return f"what came back is no JSON: {' '.join(text.split())[:80]!r}"
    choices = _get(tree, "choices")
    if not isinstance(choices, list) or not choices:
        return "the response has no choices"
    message, reason = _get(choices[0], "message"), _get(choices[0], "finish_reason")
    said = _get(message, "content")
    if said is None:
        said = _get(message, "refusal")
    calls = _calls(message)
    if calls:
        said = "\n".join([*([said] if isinstance(said, str) and said else []), *calls])
    if not isinstance(said, str):
        return f"the response has no text (finish_reason {str(reason)[:40]!r})"
    usage = _get(tree, "usage")
    return RemoteAnswer(
        said, reason not in _CUT_OFF, _count(usage, "prompt_tokens"), _count(usage, "completion_tokens"), seconds
    )


def _calls(message: Any) -> list[str]:
    """Return the calls of tools as text; arguments that are no JSON stay the text that they are."""
    found = _get(message, "tool_calls")
    functions = [_get(call, "function") for call in found] if isinstance(found, list) else []
    calls: list[str] = []
    for function in functions:
        name, arguments = _get(function, "name"), _get(function, "arguments")
        if not isinstance(name, str):
            continue
        try:
            told = json.dumps({"name": name, "arguments": json.loads(arguments)}, ensure_ascii=False)
        except (ValueError, TypeError, RecursionError):
            told = json.dumps({"name": name, "arguments": str(arguments)}, ensure_ascii=False)
        calls.append(f"<tool_call>\n{told}\n</tool_call>")
    return calls


def _get(tree: Any, key: str) -> Any:
    return tree.get(key) if isinstance(tree, dict) else None


def _count(usage: Any, key: str) -> int | None:
    number = _get(usage, key)
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _sendable(key: str) -> str:
    key = key.strip()
    if key and re.fullmatch(r"[\x21-\x7e]+", key) is None:
        raise ModelError(
            "the API key holds a space or a character that no HTTP header can carry",
            hint="copy the key again; it is not shown here",
        )
    return key


def _shown_url(url: str) -> str:
    """Return the URL without user, password and query, which may be secrets."""
    try:
        parts = urlsplit(url)
        host = f"{parts.hostname}:{parts.port}" if parts.port else f"{parts.hostname}"
    except ValueError:
        parts, host = None, ""
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ModelError("the url of the service must begin with http:// or https:// and name a host") from None
    return f"{parts.scheme}://{host}{parts.path}".rstrip("/")


def _openai() -> Any:
    try:
        import openai
    except ImportError as error:
        raise MissingExtraError.of("evaluate", "openai") from error
    return openai
