"""One request and its reply, as response headers, the log line and the metrics describe them.

Only numbers and names, never content.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Mapping
from typing import Any

from starlette.types import Scope

_KEY = "safegrpo.exchange"
ARRIVED = "safegrpo.arrived"
"""Key of the ASGI scope: when the head had been read, on `time.perf_counter`."""
_GIVEN_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")


class Exchange:
    """One request and its reply."""

    def __init__(self, scope: Scope) -> None:
        begun = time.perf_counter()
        self.started: float = scope.get(ARRIVED, begun)
        self.headers: Mapping[bytes, bytes] = dict(scope["headers"])
        self.encoding = _encoding(scope) if b"content-encoding" in self.headers else ""
        self.id = _request_id(self.headers.get(b"x-request-id", b""))
        self.protocol: str | None = None
        self.route: str | None = None
        self.profile: str | None = None
        self.samples: int | None = None
        self.bytes = 0
        self.status: int | None = None
        self.reason: str | None = None
        self.phases = dict.fromkeys(("queue", "parse", "score", "serialise"), 0.0)
        """Seconds in each phase; `queue` starts with the wait for the event loop."""
        self.waited(begun - self.started)
        self._lap, self._queued = begun, self.phases["queue"]
        scope[_KEY] = self  # it does not refer to the scope: a cycle would outlive the request

    def lap(self, phase: str | None = None) -> None:
        """Add the time since the last lap to a phase, less the time spent in the queue."""
        now, queued = time.perf_counter(), self.phases["queue"]
        if phase is not None:
            self.phases[phase] += now - self._lap - (queued - self._queued)
        self._lap, self._queued = now, queued

    def waited(self, seconds: float) -> None:
        """Add a wait in the queue."""
        self.phases["queue"] += seconds

    @property
    def seconds(self) -> float:
        """Since the request's head was read."""
        return time.perf_counter() - self.started

    @property
    def server_timing(self) -> str:
        """The value of the header Server-Timing: the phases in milliseconds."""
        return ", ".join([f"{name};dur={took * 1e3:.3f}" for name, took in self.phases.items()])

    def event(self, scope: Scope) -> dict[str, Any]:
        """The fields of the log line."""
        fields = {
            "request_id": self.id.decode("ascii"),
            "method": scope["method"],
            "route": self.route or getattr(scope.get("route"), "path", None),
            "status": self.status,
            "reason": self.reason,
            "protocol": self.protocol,
            "profile": self.profile,
            "samples": self.samples,
            "bytes": self.bytes,
            "milliseconds": round(self.seconds * 1e3, 3),
            "queue_milliseconds": round(self.phases["queue"] * 1e3, 3),
        }
        return {name: value for name, value in fields.items() if value is not None}


def exchange_of(scope: Scope) -> Exchange:
    """The exchange that the gate began for this request."""
    exchange: Exchange = scope[_KEY]
    return exchange


def _encoding(scope: Scope) -> str:
    """All encodings of the body, from however many headers."""
    given = [value for name, value in scope["headers"] if name == b"content-encoding"]
    return b", ".join(given).decode("latin-1")


def _request_id(given: bytes) -> bytes:
    return given if _GIVEN_ID.fullmatch(given) else b"%024x" % random.getrandbits(96)
