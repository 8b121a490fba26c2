"""The application in this process, asked as over HTTP but without a server."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx

from app.scoring import Scoring
from app.server import create_app
from app.settings import Settings

SCORING = Scoring("safegrpo")
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
