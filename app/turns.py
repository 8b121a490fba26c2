"""The queue to the scoring thread: one computation at a time, in the order of the requests.

Later steps of a request go before the first steps of those behind it, so what was started is
finished.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.requests import ClientDisconnect

from app.errors import RequestError

Result = TypeVar("Result")


class Turns:
    """Belongs to one event loop. One thread, because scoring holds the interpreter's lock."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="score")
        self._numbers = itertools.count()
        self._steps = itertools.count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._busy = False

    def place(
        self, deadline: float, abandoned: Callable[[], bool], waited: Callable[[float], None]
    ) -> Place:
        """A place at the end of the queue.

        Args:
            deadline: on `time.monotonic`; a request that was not started by then leaves the queue.
            abandoned: checked at its first turn; if true, the request is not started.
            waited: called with the seconds of each wait.
        """
        return Place(self, next(self._numbers), deadline, abandoned, waited)

    def close(self) -> None:
        self._thread.shutdown()

    async def run(
        self, number: int, deadline: float | None, compute: Callable[[], Result]
    ) -> Result:
        loop = asyncio.get_running_loop()
        await self._turn(number, deadline)
        try:
            return await loop.run_in_executor(self._thread, compute)
        finally:
            # Not immediately: the request may first queue its next step.
            loop.call_soon(self._next)

    async def _turn(self, number: int, deadline: float | None) -> None:
        if not self._busy:
            self._busy = True
            return
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (number, next(self._steps), mine))
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        try:
            done, _ = await asyncio.wait((mine,), timeout=timeout)
        except asyncio.CancelledError:
            if not mine.cancel():
                self._next()
            raise
        if not done:
            mine.cancel()
            raise waited_too_long()

    def _next(self) -> None:
        while self._waiting:
            _, _, theirs = heapq.heappop(self._waiting)
            if not theirs.done():
                theirs.set_result(None)
                return
        self._busy = False


class Place:
    """One request's place in the queue."""

    def __init__(
        self,
        turns: Turns,
        number: int,
        deadline: float,
        abandoned: Callable[[], bool],
        waited: Callable[[float], None],
    ) -> None:
        self._turns = turns
        self._number = number
        self._deadline = deadline
        self._abandoned = abandoned
        self._waited = waited
        self._started = False

    async def run(self, compute: Callable[[], Result], /) -> Result:
        """Compute in the scoring thread.

        Raises:
            RequestError: 429, the request was not started before its deadline.
            ClientDisconnect: it was abandoned before it was started.
        """
        asked = time.perf_counter()

        def turn() -> Result:
            self._waited(time.perf_counter() - asked)
            if not self._started and self._abandoned():
                raise ClientDisconnect
            self._started = True
            return compute()

        deadline = None if self._started else self._deadline
        return await self._turns.run(self._number, deadline, turn)


def waited_too_long() -> RequestError:
    """The refusal of a request that was not started before its deadline."""
    message = "the service is too busy to begin with this request; send it again later"
    return RequestError(429, message, reason="queue_timeout")
