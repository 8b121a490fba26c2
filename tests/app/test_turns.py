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


def test_what_has_begun_is_finished_behind_others_after_its_deadline_too() -> None:
    async def run() -> str:
        turns, release = Turns(), threading.Event()
        mine = place(turns, seconds=0.05)
        await mine.run(lambda: None)
        other = asyncio.create_task(place(turns).run(release.wait))
        second = asyncio.create_task(mine.run(lambda: "second"))
        await asyncio.sleep(0.1)
        release.set()
        await other
        try:
            return await second
        finally:
            turns.close()

    assert asyncio.run(run()) == "second"


def test_who_is_cancelled_in_the_queue_keeps_up_nobody() -> None:
    async def run() -> str:
        turns, release = Turns(), threading.Event()
        first = asyncio.create_task(place(turns).run(release.wait))
        waits = asyncio.create_task(place(turns).run(lambda: "cancelled"))
        last = asyncio.create_task(place(turns).run(lambda: "last"))
        await asyncio.sleep(0)
        waits.cancel()
        release.set()
        await first
        try:
            return await asyncio.wait_for(last, 5)
        finally:
            turns.close()

    assert asyncio.run(run()) == "last"


@pytest.mark.parametrize("later", range(4))
def test_who_is_cancelled_as_its_turn_comes_gives_it_to_the_next(later: int) -> None:
    """However many steps of the event loop later: when it has its turn and does not know it yet,
    when it learns of it, when it computes."""

    async def run() -> str:
        turns, release = Turns(), threading.Event()
        first = asyncio.create_task(place(turns).run(release.wait))
        waits = asyncio.create_task(place(turns).run(lambda: "cancelled"))
        last = asyncio.create_task(place(turns).run(lambda: "last"))
        await asyncio.sleep(0)
        release.set()
        await first
        for _ in range(later):
            await asyncio.sleep(0)
        waits.cancel()
        try:
            return await asyncio.wait_for(last, 5)
        finally:
            turns.close()

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
