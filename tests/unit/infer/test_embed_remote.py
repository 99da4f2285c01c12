"""Embeddings of a service: a real HTTP server that answers, refuses, miscounts and babbles."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from tunewright.errors import MissingExtraError, ModelError, ModelMissingError
from tunewright.infer.embed import RemoteEmbedder, make_embedder, remote_embedder
from tunewright.spec.baselines import EmbeddingsSpec

KEY = "sk-secret-0123456789"
VARIABLE = "MY_EMBEDDINGS_KEY"
Reply = tuple[int, Any]


def vector_of(text: str) -> list[float]:
    return [float(len(text)), 2.0 * text.count("a"), 1.0]


def listed(vectors: list[Any]) -> dict[str, Any]:
    data = [{"object": "embedding", "index": place, "embedding": each} for place, each in enumerate(vectors)]
    return {"object": "list", "model": "m", "data": data, "usage": {"prompt_tokens": 1, "total_tokens": 1}}


class Service:
    """`reply(texts)` answers a request; all bodies are kept."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.reply: Callable[[list[str]], Reply] = lambda texts: (200, listed([vector_of(text) for text in texts]))
        self.url = ""


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    known = Service()
    monkeypatch.setenv(VARIABLE, KEY)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            known.bodies.append(body)
            known.headers.append({name.lower(): value for name, value in self.headers.items()})
            status, content = known.reply(body["input"]) if self.path == "/v1/embeddings" else (404, {})
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    # Connections are kept open by the client: nobody waits for their threads.
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    known.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    yield known
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def embedder(service: Service) -> Iterator[RemoteEmbedder]:
    """Return the embedder of the server, closed behind the test."""
    one = remote_embedder(spec_of(service.url))
    yield one
    one.close()


def spec_of(url: str) -> EmbeddingsSpec:
    return EmbeddingsSpec(model="m", url=url, key_variable=VARIABLE)


def unit(vectors: list[list[float]]) -> np.ndarray:
    array = np.array(vectors)
    return array / np.sqrt((array**2).sum(axis=1, keepdims=True))


def test_vectors_come_in_order_and_have_length_one(service: Service, embedder: RemoteEmbedder) -> None:
    texts = ["a", "banana", "x" * 30, "a"]
    vectors = embedder.passages(texts)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, unit([vector_of(text) for text in texts]), atol=1e-7)
    np.testing.assert_array_equal(embedder.queries(texts), vectors)
    assert service.bodies[0] == {"model": "m", "input": ["a", "banana", "x" * 30], "encoding_format": "float"}
    assert service.headers[0]["authorization"] == f"Bearer {KEY}"
    assert embedder.name == "m"


def test_vectors_that_come_in_another_order_find_their_texts(service: Service, embedder: RemoteEmbedder) -> None:
    def shuffled(texts: list[str]) -> Reply:
        tree = listed([vector_of(text) for text in texts])
        return 200, tree | {"data": tree["data"][::-1]}

    service.reply = shuffled
    np.testing.assert_allclose(embedder.passages(["a", "bb"]), unit([vector_of("a"), vector_of("bb")]), atol=1e-7)


def test_vectors_without_places_are_taken_as_they_come(service: Service, embedder: RemoteEmbedder) -> None:
    service.reply = lambda texts: (200, {"data": [{"embedding": vector_of(text)} for text in texts]})
    np.testing.assert_allclose(embedder.passages(["a", "bb"]), unit([vector_of("a"), vector_of("bb")]), atol=1e-7)


def test_a_request_holds_at_most_64_texts(service: Service, embedder: RemoteEmbedder) -> None:
    texts = [f"text {number} {'a' * number}" for number in range(150)]
    vectors = embedder.passages(texts)
    assert [len(body["input"]) for body in service.bodies] == [64, 64, 22]
    np.testing.assert_allclose(vectors, unit([vector_of(text) for text in texts]), atol=1e-7)


def test_what_says_nothing_is_not_asked_about_and_is_zero(service: Service, embedder: RemoteEmbedder) -> None:
    assert not embedder.passages(["", " \n"]).any()
    assert service.bodies == []
    vectors = embedder.passages(["", "a", " "])
    assert service.bodies[0]["input"] == ["a"]
    np.testing.assert_allclose(vectors[1:2], unit([vector_of("a")]), atol=1e-7)
    assert vectors.shape == (3, 3)
    assert not vectors[[0, 2]].any()
    assert embedder.queries([""]).shape == (1, 3)


def test_long_texts_are_cut_and_half_characters_replaced(service: Service, embedder: RemoteEmbedder) -> None:
    embedder.passages(["a" * 9000, "b\ud800"])
    assert [len(text) for text in service.bodies[0]["input"]] == [8000, 2]
    assert service.bodies[0]["input"][1] == "b?"


def test_a_vector_of_zeros_or_of_huge_numbers_is_no_nan(service: Service, embedder: RemoteEmbedder) -> None:
    service.reply = lambda texts: (200, listed([[0.0, 0.0], [3e200, -4e200], [1e-300, 0]]))
    np.testing.assert_allclose(embedder.passages(["a", "b", "c"]), [[0, 0], [0.6, -0.8], [1, 0]], atol=1e-7)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (listed([[1.0, 2.0]]), "1 came back for 2 texts"),
        (listed([[1.0, 2.0]] * 3), "3 came back for 2 texts"),
        (listed([]), "0 came back for 2 texts"),
        (listed([[1.0, 2.0], [1.0]]), "all of one length"),
        (listed([[], []]), "not lists of numbers"),
        (listed(["AACAPw==", "AACAPw=="]), "not lists of numbers"),
        (listed([None, None]), "not lists of numbers"),
        (listed([{}, {}]), "not lists of numbers"),
        (listed([[[1.0]], [[1.0]]]), "not lists of numbers"),
        (listed([[10**400], [1]]), "not lists of numbers"),
        (listed([[1.0, None], [1.0, 2.0]]), "'a' holds numbers that are not finite"),
        (listed([[1.0, 2.0], [1.0, float("nan")]]), "'bb' holds numbers that are not finite"),
        (listed([[1.0, 2.0], [1.0, float("inf")]]), "'bb' holds numbers that are not finite"),
        ({"data": None}, "no list of them"),
        ({"data": ["x", "y"]}, "no list of them"),
        ([], "no list of them"),
        (b"<html>", "no JSON: '<html>'"),
    ],
)
def test_what_are_no_vectors_of_the_texts_is_refused(
    service: Service, embedder: RemoteEmbedder, content: Any, message: str
) -> None:
    service.reply = lambda texts: (200, content)
    with pytest.raises(ModelError, match=message) as caught:
        embedder.passages(["a", "bb"])
    assert service.url in caught.value.message
    assert caught.value.hint


def test_vectors_of_another_size_than_before_are_refused(service: Service, embedder: RemoteEmbedder) -> None:
    embedder.passages(["a"])
    service.reply = lambda texts: (200, listed([[1.0] * 5 for _ in texts]))
    with pytest.raises(ModelError, match="a vector has 5 numbers, and those before have 3"):
        embedder.queries(["b"])


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (401, ModelError, "refuses the key: HTTP 401"),
        (404, ModelMissingError, "has no model 'm'"),
        (400, ModelError, "HTTP 400"),
    ],
)
def test_a_refusal_is_raised_without_the_key(
    service: Service, embedder: RemoteEmbedder, status: int, kind: type[ModelError], message: str
) -> None:
    service.reply = lambda texts: (status, {"error": {"message": f"no: {KEY}"}})
    with pytest.raises(kind, match=message) as caught:
        embedder.passages(["a"])
    assert type(caught.value) is kind
    assert KEY not in f"{caught.value.as_dict()}"
    assert caught.value.__cause__ is None
    assert service.url in caught.value.message


def test_nobody_at_the_address_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        one = remote_embedder(spec_of(f"http://127.0.0.1:{unused.getsockname()[1]}/v1"))
        with pytest.raises(ModelError, match="cannot be reached"):
            one.queries(["a"])
        one.close()


def test_a_missing_key_package_or_address_is_named_before_anything_is_asked(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError, match="have no url"):
        remote_embedder(EmbeddingsSpec(model="m"))
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtraError, match="openai"):
        make_embedder(spec_of(service.url))
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(ModelError, match=f"'m' needs a key: the environment variable {VARIABLE} is not set"):
        make_embedder(spec_of(service.url))
    assert service.bodies == []
