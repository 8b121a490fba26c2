"""Who computes next, who has waited too long, and who is gone."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
from starlette.requests import ClientDisconnect

from app.errors import RequestError
from app.turns import Place, Turns


def place(
    turns: Turns, seconds: float = 60, abandoned: Callable[[], bool] = lambda: False
) -> Place:
    return turns.place(time.monotonic() + seconds, abandoned, lambda waited: None)


def test_what_has_begun_goes_before_what_came_later() -> None:
    order: list[str] = []

    async def request(turns: Turns, name: str) -> None:
        mine = place(turns)
        for step in ("1", "2"):
            await mine.run(lambda step=step: order.append(name + step))  # type: ignore[misc]

    async def run() -> None:
        turns = Turns()
        await asyncio.gather(*[request(turns, name) for name in "abc"])
        turns.close()

    asyncio.run(run())
    assert order == ["a1", "a2", "b1", "b2", "c1", "c2"]


def test_who_has_not_begun_at_the_deadline_is_told_to_come_back_and_the_queue_goes_on() -> None:
    async def run() -> RequestError:
        turns, release = Turns(), threading.Event()
        first = asyncio.create_task(place(turns).run(release.wait))
        second = asyncio.create_task(place(turns, seconds=0.05).run(lambda: None))
        third = asyncio.create_task(place(turns).run(lambda: "third"))
        with pytest.raises(RequestError) as refused:
            await second
        release.set()
        assert [await first, await third] == [True, "third"]
        turns.close()
        return refused.value

    refused = asyncio.run(run())
    assert (refused.status, refused.reason) == (429, "queue_timeout")


def test_a_cancelled_wait_gives_its_turn_to_the_next() -> None:
    async def run() -> str:
        turns = Turns()
        busy = asyncio.create_task(place(turns).run(lambda: time.sleep(0.1)))
        await asyncio.sleep(0)
        waits = asyncio.create_task(place(turns).run(lambda: "cancelled"))
        await asyncio.sleep(0)
        waits.cancel()
        last = await asyncio.wait_for(place(turns).run(lambda: "last"), 5)
        await busy
        turns.close()
        return last

    assert asyncio.run(run()) == "last"


def test_nothing_is_computed_for_who_is_gone() -> None:
    async def run() -> None:
        turns = Turns()
        try:
            await place(turns, abandoned=lambda: True).run(lambda: pytest.fail("computed"))
        finally:
            turns.close()

    with pytest.raises(ClientDisconnect):
        asyncio.run(run())
