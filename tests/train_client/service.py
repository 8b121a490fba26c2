"""A small real HTTP server with the service's wire, that can be killed and made to misbehave."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Fault = tuple[int, dict[str, str]]
"""Status and headers of a reply that is no reward."""


class Service:
    """Rewards a completion with `reward(text)`. `faults` are answered first, one a request.

    `tag_share`: what the component `tag` has of the reward, and `behavior` has not.
    """

    def __init__(self, reward: Callable[[str], float | None], tag_share: float = 0.5) -> None:
        self.reward = reward
        self.tag_share = tag_share
        self.version = "test-1"
        self.error = "Not this."
        """What the body of a fault says first."""
        self.faults: list[Fault] = []
        self.raw: list[bytes] = []
        """Bodies of successful replies to give instead of the right one."""
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        """What each of them brought as its `Authorization`."""
        self.port = 0
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, on the port of the time before if there was one."""
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(service.profile(self.path))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.requests.append(body)
                service.keys.append(self.headers["Authorization"])
                self._answer(service.score(body))

            def _answer(self, found: dict[str, Any]) -> None:
                headers: dict[str, str] = {}
                status, body = 200, json.dumps(found).encode()
                if service.faults:
                    status, headers = service.faults.pop(0)
                    problem = {"field": "samples[0].labels", "sample": 0, "message": "is wrong"}
                    body = json.dumps({"error": service.error, "problems": [problem]}).encode()
                elif service.raw:
                    body = service.raw.pop(0)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                # Clients whose patience is over hang up, as some tests want them to.
                with contextlib.suppress(BrokenPipeError):
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def kill(self) -> None:
        """Stop listening, as a killed process does."""
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def profile(self, path: str) -> dict[str, Any]:
        name = path.rsplit("/", 1)[-1]
        return {"name": name, "version": self.version, "instruction": "Think.", "profile": {}}

    def score(self, body: dict[str, Any]) -> dict[str, Any]:
        results = [self._result(sample) for sample in body["samples"]]
        return {
            "profile": body["profile"],
            "version": self.version,
            "rewards": [result["reward"] for result in results],
            "results": results,
        }

    def _result(self, sample: dict[str, Any]) -> dict[str, Any]:
        reward = self.reward(sample["completion"])
        tag = None if reward is None else self.tag_share * reward
        behavior = None if reward is None else reward - self.tag_share * reward
        return {
            "id": sample.get("id"),
            "status": "service_error" if reward is None else "ok",
            "reward": reward,
            "components": {"tag": tag, "behavior": behavior},
            "raw": {"tag": reward, "behavior": reward},
            "verdicts": None if reward is None else dict.fromkeys(sample["labels"], "safe"),
            "stance": None if reward is None else {"is": "compliance", "rule": "test"},
            "failure": None,
        }
