"""Admission control: a bound on the bytes and samples that this process holds at any time.

Whatever has been read, waits or is being scored counts. Beyond the bound a request gets 429 before
the rest of its body is in memory, so the process does not grow and queues stay short.
"""

from __future__ import annotations

from threading import Lock
from types import TracebackType
from typing import Self

from app.errors import RequestError


class Admission:
    """The bound. A single request always fits, since its own limits are smaller."""

    def __init__(self, max_bytes: int, max_samples: int) -> None:
        self.max_bytes = max_bytes
        self.max_samples = max_samples
        self.bytes = 0
        self.samples = 0
        self._lock = Lock()

    def ticket(self) -> Ticket:
        """A request's share, empty at first; leaving its context releases it."""
        return Ticket(self)

    def take(self, bytes_: int, samples: int) -> None:
        """Reserve more.

        Raises:
            RequestError: 429, it does not fit now.
        """
        with self._lock:
            if self.bytes + bytes_ > self.max_bytes:
                raise _full("overload_bytes")
            if self.samples + samples > self.max_samples:
                raise _full("overload_samples")
            self.bytes += bytes_
            self.samples += samples

    def release(self, bytes_: int, samples: int) -> None:
        with self._lock:
            self.bytes -= bytes_
            self.samples -= samples


class Ticket:
    """What one request holds. Usable from any thread."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._bytes = 0
        self._samples = 0

    def hold(self, bytes_: int = 0, samples: int = 0) -> None:
        """Reserve more; raises RequestError (429) if it does not fit now."""
        self._admission.take(bytes_, samples)
        self._bytes += bytes_
        self._samples += samples

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._admission.release(self._bytes, self._samples)


def _full(reason: str) -> RequestError:
    message = "the service has as much to score as it can hold; send the request again later"
    return RequestError(429, message, reason=reason)
