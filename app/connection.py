"""A client's connection: uvicorn's, with what it lacks.

- It is closed after a while if the client sends no request, or only half of a head; goes on sending
  a body that has had its reply; or does not read its reply.
- What comes around a body (head, sizes of chunks, trailers) is bounded, as bodies are elsewhere.
- It notes when a request arrived, so that a wait for the event loop counts as one in the queue.
- Who is refused while still sending, and wants the connection closed, can finish sending: a socket
  that is closed with bytes unread tells its client nothing but that it is broken.
- When it is lost, each request on it that has no reply yet is told so, and not the newest alone.
- A reply's head and body go out in one piece. In two, each is a system call, and wakes the client.
"""

import asyncio
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.exchange import ARRIVED

MAX_FRAMING = 64 * 1024
"""Most bytes around a request's body, and as many more as the body has: enough for small chunks."""


class Connection(HttpToolsProtocol):
    """One connection.

    Args:
        head_seconds: for a request's head to arrive, from its first byte; for the first request,
            from the connection's beginning.
        body_seconds: for the rest of a body that has had its reply, and for a reply to be read.
    """

    def __init__(
        self, *arguments: Any, head_seconds: float, body_seconds: float, **named: Any
    ) -> None:
        super().__init__(*arguments, **named)
        self._head_seconds = head_seconds
        self._body_seconds = body_seconds
        self._in_head = True
        self._in_request = False
        self._unwanted = False
        self._unread = False
        self._has_body = False
        """Whether a part of this request's body has come."""
        self._framing = 0
        self._earlier: deque[RequestResponseCycle] = deque()
        """Requests before the newest: a client that pipelines does not wait for its replies."""
        self._give_up: asyncio.TimerHandle | None = None

    def connection_made(
        self,
        transport: asyncio.Transport,  # type: ignore[override]  # as uvicorn's own narrows it
    ) -> None:
        # A `Gathering` is a transport in all but its base class, which it need not inherit from.
        # Weakly: in a cycle, what a lost connection holds would stay until it is collected.
        client = weakref.WeakMethod(self._is_sending)
        ours = Gathering(transport, self.loop, lambda: (client() or _never)())
        super().connection_made(ours)  # type: ignore[arg-type]
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_head = self._unwanted = self._unread = False
        self._watch()
        self._tell_earlier()
        super().connection_lost(exc)

    def _tell_earlier(self) -> None:
        for cycle in self._earlier:
            cycle.disconnected = True
            cycle.message_event.set()
        self._earlier.clear()
        for cycle, _ in self.pipeline:  # never begun, so that nothing else would let go of them
            cycle.on_response = _nothing
        self.pipeline.clear()

    def data_received(self, data: bytes) -> None:
        self._framing += len(data)
        super().data_received(data)
        if self._framing > MAX_FRAMING:
            self._refuse()
        elif self._in_head or self._give_up is not None:
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
        self._in_request = self._unwanted = False
        self._framing = 0
        super().on_message_complete()
        if self.cycle.response_complete:
            self._after_refused_body()

    def _after_refused_body(self) -> None:
        """Do what uvicorn did after the reply, which the rest of the body put off or undid."""
        if self.cycle.keep_alive:
            later = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
            self.timeout_keep_alive_task = later
        else:
            self.transport.close()

    def shutdown(self) -> None:
        if self.cycle is not None:
            self.cycle.keep_alive = False  # who still sends is let go when it has sent
        super().shutdown()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._in_request:
            self._unwanted = True
            self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = True
        self._watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread = False
        self._watch()

    def _watch(self) -> None:
        """Run a clock while it is the client's turn. Most requests come whole and start none."""
        waits = self._in_head or self._unwanted or self._unread
        if waits and self._give_up is None:
            seconds = self._head_seconds if self._in_head else self._body_seconds
            self._give_up = self.loop.call_later(seconds, self._let_go)
        elif not waits and self._give_up is not None:
            self._give_up.cancel()
            self._give_up = None

    def _is_sending(self) -> bool:
        """Whether the client goes on with a body that has had its reply."""
        newest = self.cycle  # none, or the request's before, while a head is read or refused
        if not self._in_request or newest is None or newest.scope is not self.scope:
            return False
        # Who has asked whether to send, and was refused instead of told to go on, sends nothing.
        return newest.response_complete and (self._has_body or not self.expect_100_continue)

    def _let_go(self) -> None:
        self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        if self._is_sending():  # what has had its reply gets no second one
            self._let_go()
        else:
            super().send_400_response(msg)

    def _refuse(self) -> None:
        if self._in_head:
            self.send_400_response(f"The request's head is larger than {MAX_FRAMING} bytes.")
        else:
            self._let_go()


def _nothing() -> None:
    pass


def _never() -> bool:
    return False


class Gathering:
    """A transport that sends what was written in one turn of the event loop in one piece.

    Args:
        is_sending: whether the client is; the connection is not closed then.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        is_sending: Callable[[], bool],
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._is_sending = is_sending
        self._written: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._written:
            self._loop.call_soon(self._send)
        self._written.append(data)

    def close(self) -> None:
        self._send()
        if not self._is_sending():
            self._transport.close()

    def _send(self) -> None:
        if self._written and not self._transport.is_closing():  # the client may have hung up
            self._transport.writelines(self._written)
        self._written = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
