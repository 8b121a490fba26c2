"""A small OpenAI-compatible server, in a thread of its own, that says what a test tells it to."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, Any]


@dataclass
class Endpoint:
    """What the server got, and how many requests it held at once."""

    url: str = ""
    requests: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    most_at_once: int = 0


def chat(content: str) -> Reply:
    return 200, {"choices": [{"message": {"role": "assistant", "content": content}}]}


def completion(text: str) -> Reply:
    return 200, {"choices": [{"text": text}]}


@contextmanager
def serving(
    answer: Callable[[dict[str, Any]], Reply], headers: Mapping[str, str] = {}
) -> Iterator[Endpoint]:
    """Serve `answer(body) -> (status, reply)`; a string as reply is sent as it is.

    `headers`: what each reply has further ones of, true or not.
    """
    endpoint, lock, held = Endpoint(), threading.Lock(), [0]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                endpoint.requests.append((self.path, dict(self.headers), body))
                held[0] += 1
                endpoint.most_at_once = max(endpoint.most_at_once, held[0])
            status, reply = answer(body)
            with lock:
                held[0] -= 1
            content = (reply if isinstance(reply, str) else json.dumps(reply)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: Any) -> None:
            """Say nothing: what is asked must not be logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
