"""How replies go out. A connection's time limits and bounds are tested with a whole server."""

import asyncio
import socket
from typing import Any
from unittest.mock import Mock

import uvicorn
import uvloop
from uvicorn.server import ServerState

from app.connection import Gathering
from app.processes import _connection
from app.server import create_app
from app.settings import Settings
from tests.app.local import SCORING


def test_a_reply_to_a_client_that_has_hung_up_is_dropped_without_an_error() -> None:
    errors: list[dict[str, Any]] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, error: errors.append(error))
        ours, _ = socket.socketpair()
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
        transport.abort()
        await asyncio.sleep(0.1)
        Gathering(transport, loop, lambda: False).write(b"reply")
        await asyncio.sleep(0.1)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
    assert not errors


def test_a_head_and_the_reading_of_a_reply_have_times_of_their_own() -> None:
    loop = Mock()
    loop.create_task = lambda answering, **_: answering.close() or Mock()
    config = uvicorn.Config(create_app(Settings(), SCORING), log_config=None, ws="none")
    config.load()
    make = _connection(Settings(head_seconds=1, body_seconds=2))
    connection = make(config=config, server_state=ServerState(), app_state={}, _loop=loop)
    connection.connection_made(Mock(get_extra_info=Mock(return_value=None)))
    connection.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    connection.pause_writing()
    assert [clock.args[0] for clock in loop.call_later.call_args_list] == [1, 2]
