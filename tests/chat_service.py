"""A real HTTP service that speaks OpenAI's `/chat/completions`, and answers, refuses, dawdles or babbles as told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, Any]


def completion(text: str | None, **other: Any) -> dict[str, Any]:
    """Return what a service answers with; `other` are fields of its only choice."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop", **other}
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}


def failure(message: str) -> dict[str, Any]:
    """Return the body of a refusal."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}


class Service:
    """`reply(body, count)` answers the request `body`, the `count`-th with that last message; all are kept."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.reply: Callable[[dict[str, Any], int], Reply] = lambda body, count: (200, completion(said(body)))
        self.url = ""
        self.lock = threading.Lock()
        self.running = self.most_running = 0

    def answer(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> Reply:
        """Return status and body for one request, and keep it."""
        with self.lock:
            self.bodies.append(body)
            self.headers.append(headers)
            count = sum(said(known) == said(body) for known in self.bodies)
            self.running += 1
            self.most_running = max(self.running, self.most_running)
        try:
            return self.reply(body, count) if path == "/v1/chat/completions" else (404, failure("no such path"))
        finally:
            with self.lock:
                self.running -= 1


@contextmanager
def serving() -> Iterator[Service]:
    """Run a service on a free port of this machine until the block ends."""
    known = Service()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, content = known.answer(
                self.path, {name.lower(): value for name, value in self.headers.items()}, body
            )
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            # A client that gave up is what some of these tests are about.
            try:
                self.wfile.write(data)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    known.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield known
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def said(body: dict[str, Any]) -> str:
    """Return the last message of a request."""
    return body["messages"][-1]["content"]
