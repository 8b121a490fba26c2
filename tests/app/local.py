"""The application in this process, asked as over HTTP but without a server."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx
from starlette.types import Message

from app.gate import Gate
from app.scoring import Scoring
from app.server import create_app
from app.settings import Settings
from rules.profile import shipped_profiles

SCORING = Scoring("safegrpo", shipped_profiles())
"""Shared, since profiles take long to load."""

Result = TypeVar("Result")


def ask(talk: Callable[[httpx.AsyncClient], Awaitable[Result]], **settings: Any) -> Result:
    """What `talk` returns, given a client of an application with these settings."""

    async def run() -> Result:
        transport = httpx.ASGITransport(create_app(Settings(**settings), SCORING))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await talk(client)

    return asyncio.run(run())


def post(
    body: bytes | dict[str, Any], headers: dict[str, str] | None = None, **settings: Any
) -> httpx.Response:
    """The reply to one `POST /reward`."""

    async def talk(client: httpx.AsyncClient) -> httpx.Response:
        if isinstance(body, bytes):
            return await client.post("/reward", content=body, headers=headers)
        return await client.post("/reward", json=body, headers=headers)

    return ask(talk, **settings)


async def sent(
    app: Gate,
    body: bytes,
    hangs_up: bool | asyncio.Event = False,
    more_body: bool = False,
    send: Callable[[Message], Awaitable[None]] | None = None,
    **scope: Any,
) -> list[Message]:
    """What is sent to a client of `POST /reward`, who then waits, or hangs up: at once, or on an
    event.

    `more_body`: the client announces more than it sends. `send`: takes what is sent.
    """
    asked: list[Message] = [{"type": "http.request", "body": body, "more_body": more_body}]
    replied: list[Message] = []

    async def receive() -> Message:
        if asked:
            return asked.pop()
        if isinstance(hangs_up, asyncio.Event):
            await hangs_up.wait()
        elif not hangs_up:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def keep(message: Message) -> None:
        replied.append(message)

    posted = {
        "type": "http",
        "method": "POST",
        "path": "/reward",
        "query_string": b"",
        "headers": [],
    }
    await app(posted | scope, receive, send or keep)
    return replied
