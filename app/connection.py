"""A client's connection: uvicorn's protocol, hardened against slow and hostile clients.

- It is closed if the client takes too long to send a request's head, keeps sending a body that was
  already answered, or does not read its reply.
- The framing of a body (head, chunk sizes, trailers) is bounded, as bodies are elsewhere.
- The arrival of each head is recorded, so that waiting for the event loop counts as queueing.
- A client that is refused while it still sends may finish sending before the connection closes:
  closing a socket with unread bytes resets it, and the client never sees the reply.
- When it is lost, every pipelined request without a reply learns of it, not only the newest.
- Small writes are joined: see `transport`.
"""

import asyncio
import time
import weakref
from collections import deque
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.exchange import ARRIVED
from app.transport import CoalescingTransport

MAX_FRAMING = 64 * 1024
"""Most bytes of framing beyond the size of the body itself, which allows for small chunks."""


class Connection(HttpToolsProtocol):
    """One connection.

    Args:
        head_seconds: limit on a request's head, from its first byte; for the first request, from
            the connection's start.
        body_seconds: limit on the rest of a body that was already answered, and on the reading of
            a reply.
    """

    def __init__(
        self, *arguments: Any, head_seconds: float, body_seconds: float, **named: Any
    ) -> None:
        super().__init__(*arguments, **named)
        self._head_seconds = head_seconds
        self._body_seconds = body_seconds
        self._in_head = True
        self._in_request = False
        self._body_is_refused = False
        """Whether the client still sends a body that was already answered."""
        self._reply_is_unread = False
        self._has_body = False
        """Whether any of this request's body has arrived."""
        self._framing = 0
        self._earlier: deque[RequestResponseCycle] = deque()
        """Pipelined requests before the newest that have no reply yet."""
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(
        self,
        transport: asyncio.Transport,  # type: ignore[override]  # as uvicorn's own narrows it
    ) -> None:
        # A weak reference: in a cycle, a lost connection would keep its memory until it is
        # collected.
        is_sending = weakref.WeakMethod(self._is_sending)
        ours = CoalescingTransport(transport, self.loop, lambda: (is_sending() or _never)())
        super().connection_made(ours)  # type: ignore[arg-type]  # it wraps one
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_head = self._body_is_refused = self._reply_is_unread = False
        self._watch()
        self._notify_pipelined()
        super().connection_lost(exc)

    def _notify_pipelined(self) -> None:
        for cycle in self._earlier:
            cycle.disconnected = True
            cycle.message_event.set()
        self._earlier.clear()
        for cycle, _ in self.pipeline:  # never started, so nothing else would release them
            cycle.on_response = _nothing
        self.pipeline.clear()

    def data_received(self, data: bytes) -> None:
        self._framing += len(data)
        super().data_received(data)
        if self._framing > MAX_FRAMING:
            self._refuse()
        elif self._in_head or self._deadline is not None:
            self._watch()

    def on_message_begin(self) -> None:
        self._in_head = self._in_request = True
        self._has_body = False
        self._unset_keepalive_if_required()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        while self._earlier and self._earlier[0].response_complete:
            self._earlier.popleft()
        if self.cycle is not None and not self.cycle.response_complete:
            self._earlier.append(self.cycle)
        self.scope[ARRIVED] = time.perf_counter()  # type: ignore[literal-required]  # our own
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._has_body = True
        self._framing -= 2 * len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_request = self._body_is_refused = False
        self._framing = 0
        super().on_message_complete()
        if self.cycle.response_complete:
            self._after_refused_body()

    def _after_refused_body(self) -> None:
        """Redo what uvicorn does after a reply, which the rest of the body delayed or undid."""
        if self.cycle.keep_alive:
            later = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
            self.timeout_keep_alive_task = later
        else:
            self.transport.close()

    def shutdown(self) -> None:
        if self.cycle is not None:
            self.cycle.keep_alive = False  # a client that still sends is closed once it has sent
        super().shutdown()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._in_request:
            self._body_is_refused = True
            self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reply_is_unread = True
        self._watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._reply_is_unread = False
        self._watch()

    def _watch(self) -> None:
        """Run a timer while the client has to act. Most requests arrive whole and start none."""
        waits = self._in_head or self._body_is_refused or self._reply_is_unread
        if waits and self._deadline is None:
            seconds = self._head_seconds if self._in_head else self._body_seconds
            self._deadline = self.loop.call_later(seconds, self._abort)
        elif not waits and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _is_sending(self) -> bool:
        """Whether the client keeps sending a body that was already answered."""
        newest = self.cycle  # none, or the previous request's, while a head is read or refused
        if not self._in_request or newest is None or newest.scope is not self.scope:
            return False
        # A client that sent Expect: 100-continue and was refused sends no body.
        return newest.response_complete and (self._has_body or not self.expect_100_continue)

    def _abort(self) -> None:
        self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        if self._is_sending():  # the request was answered already
            self._abort()
        else:
            super().send_400_response(msg)

    def _refuse(self) -> None:
        if self._in_head:
            self.send_400_response(f"The request's head is larger than {MAX_FRAMING} bytes.")
        else:
            self._abort()


def _nothing() -> None:
    pass


def _never() -> bool:
    return False
