"""The blocking client of the reward service.

It runs the asynchronous client on an event loop in its own thread, so that a training loop can
submit completions and continue computing.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Self

from app.schema import ProfileReply, Result, Sample
from train_client.config.sections import RewardConfig
from train_client.reward.async_client import AsyncRewardClient
from train_client.reward.loop_thread import LoopThread


class RewardClient:
    """Blocks, or returns a Future. A context manager."""

    def __init__(self, config: RewardConfig, run: str = "") -> None:
        # First, since it may refuse its settings, and a running thread would be left behind.
        self._client = AsyncRewardClient(config, run)
        self._loop = LoopThread("rewards")

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
        return self._loop.start(self._client.profile()).result()

    def submit(self, samples: Sequence[Sample], step: int | None = None) -> Future[list[Result]]:
        """Start scoring and return at once; the future raises what `score` raises."""
        return self._loop.start(self._client.score(samples, step))

    def score(self, samples: Sequence[Sample], step: int | None = None) -> list[Result]:
        return self.submit(samples, step).result()

    def close(self) -> None:
        """Cancel pending requests and stop the thread."""
        self._loop.close(self._client.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()
