"""A client's connection: uvicorn's, with what it lacks.

- Who connects and sends no request, or half the head of one, is let go after a while.
- A reply's head and body go out in one piece. In two, each is a system call, and wakes the client.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Connection(HttpToolsProtocol):
    """One connection.

    Args:
        head_seconds: for a request's head to arrive, from its first byte; for the first request,
            from the connection's beginning.
    """

    def __init__(self, *arguments: Any, head_seconds: float, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head_seconds = head_seconds
        self._in_head = True
        self._give_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # A `Gathering` is a transport in all but its base class, which it need not inherit from.
        super().connection_made(Gathering(transport, self.loop))  # type: ignore[arg-type]
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_head = False
        self._watch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head or self._give_up is not None:
            self._watch()

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def _watch(self) -> None:
        """Run a clock while a head is awaited; most heads arrive whole and never see it."""
        if self._in_head and self._give_up is None:
            self._give_up = self.loop.call_later(self._head_seconds, self._let_go)
        elif not self._in_head and self._give_up is not None:
            self._give_up.cancel()
            self._give_up = None

    def _let_go(self) -> None:
        self.transport.abort()


class Gathering:
    """A transport that sends what was written in one turn of the event loop in one piece."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._written: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._written:
            self._loop.call_soon(self._send)
        self._written.append(data)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._written:
            self._transport.writelines(self._written)
            self._written = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
