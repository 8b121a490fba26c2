"""The blocking client of the reward service.

It runs the asynchronous client on an event loop in its own thread, so that a training loop can
submit completions and continue computing.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, Self, TypeVar

from app.schema import ProfileReply, Result, Sample
from train_client.config.sections import RewardConfig
from train_client.reward.async_client import AsyncRewardClient

T = TypeVar("T")


class RewardClient:
    """Blocks, or returns a Future. A context manager."""

    def __init__(self, config: RewardConfig, run: str = "") -> None:
        # First, since it may refuse its settings, and a running thread would be left behind.
        self._client = AsyncRewardClient(config, run)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rewards", daemon=True)
        self._thread.start()

    @property
    def version(self) -> str | None:
        return self._client.version

    @property
    def last_reply(self) -> float:
        return self._client.last_reply

    def expect(self, version: str | None) -> None:
        """See `AsyncRewardClient.expect`. Raises RewardVersionChanged."""
        self._client.expect(version)

    def profile(self) -> ProfileReply:
        return self._wait(self._client.profile())

    def submit(self, samples: Sequence[Sample], step: int | None = None) -> Future[list[Result]]:
        """Start scoring and return at once; the future raises what `score` raises."""
        return asyncio.run_coroutine_threadsafe(self._scored(samples, step), self._loop)

    def score(self, samples: Sequence[Sample], step: int | None = None) -> list[Result]:
        return self.submit(samples, step).result()

    def close(self) -> None:
        """Cancel pending requests and stop the thread."""
        self._wait(self._closed())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    async def _scored(self, samples: Sequence[Sample], step: int | None) -> list[Result]:
        """On the client's own loop; `CoalescingClient` joins calls here."""
        return await self._client.score(samples, step)

    async def _closed(self) -> None:
        open_ = asyncio.all_tasks() - {asyncio.current_task()}
        for task in open_:
            task.cancel()
        await asyncio.gather(*open_, return_exceptions=True)
        await self._client.close()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
