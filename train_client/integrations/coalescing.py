"""A client that joins concurrent calls into one request, for trainers that score each sample alone.

The client has its own event loop in a thread: some trainers create a new loop for each step, and
connections do not outlive their loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Future
from typing import NamedTuple

from app.schema import Result, Sample
from train_client.config.sections import RewardConfig
from train_client.reward.async_client import AsyncRewardClient
from train_client.reward.errors import RewardRejected, RewardUnavailable
from train_client.reward.loop_thread import LoopThread
from train_client.reward.retry import Backoff

log = logging.getLogger(__name__)

WINDOW = 0.002
"""Seconds that the first call of a request waits for others."""
_FOR_A_SAMPLE = {400, 413, 422}
"""HTTP statuses of refusals that a sample, or the number of samples, has caused."""


class CoalescingClient:
    """Sends calls of `ask` within `WINDOW` as one request; any thread may call it."""

    def __init__(self, config: RewardConfig, run: str = "") -> None:
        self._client = AsyncRewardClient(config, run)
        self._joined = _Joined(self._client, config.batch_size)
        self._names: tuple[str, ...] = ("format", "tag", "behavior")
        """Names of a result's components: those of every profile, until the service has replied."""
        self._loop = LoopThread("rewards")

    def ask(
        self, samples: Sequence[Sample], *, retries: int = 0, mask_unavailable: bool = False
    ) -> Future[list[Result]]:
        """Results aligned with `samples`; the future raises what `AsyncRewardClient.score` raises.

        Args:
            samples: what to score.
            retries: how often samples that could not be scored are sent again.
            mask_unavailable: whether results have no rewards, with a warning, if the service is
                unavailable. Otherwise RewardUnavailable is raised; and also if the service has
                never answered, because a run with a wrong address would learn nothing.
        """
        return self._loop.start(self._asked(samples, retries, mask_unavailable))

    def close(self) -> None:
        """Cancel pending requests and stop the thread."""
        self._loop.close(self._client.close())

    async def _asked(
        self, samples: Sequence[Sample], retries: int, mask_unavailable: bool
    ) -> list[Result]:
        results: list[Result] = []
        try:
            results = await self._joined.score(samples)
            self._names = tuple(results[0].components) if results else self._names
            await self._retry(samples, results, retries)
        except RewardUnavailable as error:
            if not mask_unavailable or self._client.version is None:
                raise
            results = results or [unscored(self._names) for _ in samples]
            missing = sum(result.reward is None for result in results)
            log.warning("%s %d samples get no reward.", error, missing)
        return results

    async def _retry(self, samples: Sequence[Sample], results: list[Result], retries: int) -> None:
        """Send the samples without a reward again, and replace their results."""
        backoff = Backoff()
        for _ in range(retries):
            missing = [index for index, result in enumerate(results) if result.reward is None]
            if not missing:
                return
            await asyncio.sleep(backoff.next())
            retried = await self._joined.score([samples[index] for index in missing])
            for index, result in zip(missing, retried, strict=True):
                results[index] = result


class _Call(NamedTuple):
    samples: Sequence[Sample]
    results: asyncio.Future[list[Result]]


class _Joined:
    """Concurrent calls as requests of about `size` samples, on one event loop."""

    def __init__(self, client: AsyncRewardClient, size: int) -> None:
        self._client = client
        self._size = size
        self._waiting: list[_Call] = []
        self._sending: set[asyncio.Task[None]] = set()

    async def score(self, samples: Sequence[Sample]) -> list[Result]:
        """The results of these samples, which are sent together with those of other calls."""
        loop = asyncio.get_running_loop()
        call = _Call(samples, loop.create_future())
        self._waiting.append(call)
        if sum(len(waiting.samples) for waiting in self._waiting) >= self._size:
            self._send()
        elif len(self._waiting) == 1:
            loop.call_later(WINDOW, self._send)
        return await call.results

    def _send(self) -> None:
        calls, self._waiting = self._waiting, []
        if calls:
            task = asyncio.create_task(self._answer(calls))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _answer(self, calls: Sequence[_Call]) -> None:
        """Send all calls as one; if one of them may have caused a refusal, each alone."""
        together = [sample for call in calls for sample in call.samples]
        try:
            scored = await self._client.score(together)
        except RewardRejected as error:
            if len(calls) > 1 and error.status in _FOR_A_SAMPLE:
                await asyncio.gather(*(self._answer([call]) for call in calls))
            else:
                _fail(calls, error)
        except Exception as error:
            _fail(calls, error)
        else:
            results = iter(scored)
            for call in calls:
                own = [next(results) for _ in call.samples]
                if not call.results.done():
                    call.results.set_result(own)


def _fail(calls: Sequence[_Call], error: Exception) -> None:
    for call in calls:
        if not call.results.done():
            call.results.set_exception(error)


def unscored(names: Sequence[str]) -> Result:
    """The result of a sample that was not scored; `names`: of its components."""
    nothing = dict.fromkeys(names)
    return Result(
        id=None,
        status="service_error",
        reward=None,
        components=nothing,
        raw=nothing,
        verdicts=None,
        stance=None,
        failure=None,
    )
