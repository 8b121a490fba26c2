"""A transport that joins small writes.

uvicorn writes a reply's head and body apart. Sent so, each is a system call and wakes the client.
"""

import asyncio
from collections.abc import Callable
from typing import Any


class CoalescingTransport:
    """Sends all that is written in one turn of the event loop in one system call.

    A transport in all but its base class: whatever it does not define is the wrapped one's.

    Args:
        is_sending: whether the client still sends; while it does, `close` only flushes.
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
