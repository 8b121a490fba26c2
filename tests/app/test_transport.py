"""How replies go out."""

import asyncio
import socket
from typing import Any

import uvloop

from app.transport import CoalescingTransport


def test_a_reply_to_a_client_that_has_hung_up_is_dropped_without_an_error() -> None:
    errors: list[dict[str, Any]] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, error: errors.append(error))
        ours, _ = socket.socketpair()
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
        transport.abort()
        await asyncio.sleep(0.1)
        CoalescingTransport(transport, loop, lambda: False).write(b"reply")
        await asyncio.sleep(0.1)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
    assert not errors
