"""The client of the reward service: an unavailable service delays a run but never alters it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from app.schema import ErrorReply, ProfileReply, Result, RewardReply, RewardRequest, Sample
from train_client.config import ConfigError, RewardConfig
from train_client.loopback import PAST_PROXIES
from train_client.retry import Backoff, retryable
from train_client.reward_errors import (
    RewardError,
    RewardRejected,
    RewardUnavailable,
    RewardVersionChanged,
)

log = logging.getLogger(__name__)

Reply = TypeVar("Reply", bound=BaseModel)


class AsyncRewardClient:
    """For one event loop. At most `in_flight` requests are open, each of `batch_size` samples.

    Raises ConfigError when the service's key is named and cannot be used.
    """

    def __init__(self, config: RewardConfig, run: str = "") -> None:
        self._config = config
        self._run = run or None
        self.version: str | None = None
        """The reward's version: the first one seen, or that of the run being resumed."""
        self.last_reply = 0.0
        """time.monotonic() of the newest reply with rewards."""
        self._answered = False
        """Whether the service has ever answered, errors included."""
        self._slots = asyncio.Semaphore(config.in_flight)
        self._http = httpx.AsyncClient(
            base_url=config.url.rstrip("/"),
            headers=_authorization(config.api_key_env),
            timeout=config.timeout,
            limits=httpx.Limits(max_connections=config.in_flight),
            mounts=PAST_PROXIES,
        )

    async def close(self) -> None:
        await self._http.aclose()

    def expect(self, version: str | None) -> None:
        """Require the reward version of the run being resumed, if it had one.

        Raises RewardVersionChanged if another one was seen already.
        """
        seen, self.version = self.version, version or self.version
        if seen is not None:
            self._check(seen)

    async def profile(self) -> ProfileReply:
        """The profile in full with its instruction text; fixes `version` if none was seen yet."""
        path = f"/profiles/{self._config.profile}"
        reply = await self._ask("GET", path, None, ProfileReply, time.monotonic())
        self._check(reply.version)
        return reply

    async def score(self, samples: Sequence[Sample], step: int | None = None) -> list[Result]:
        """Results aligned with `samples`; `reward` is None where the service could not score one.

        Raises RewardRejected (4xx), RewardUnavailable (deadline), RewardVersionChanged.
        """
        since = time.monotonic()
        batches = batched(samples, self._config.batch_size)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._batch(b, step, since)) for b in batches]
        except* RewardError as problems:
            raise problems.exceptions[0] from None
        return [result for task in tasks for result in task.result()]

    async def _batch(
        self, samples: Sequence[Sample], step: int | None, since: float
    ) -> list[Result]:
        request = RewardRequest(
            profile=self._config.profile, run=self._run, step=step, samples=list(samples)
        )
        body = request.model_dump_json(exclude_none=True).encode()
        reply = await self._ask("POST", "/reward", body, RewardReply, since)
        self._check(reply.version)
        self.last_reply = time.monotonic()
        if reply.results is None or len(reply.results) != len(samples):
            raise RewardError(
                f"The reward service answered {len(reply.results or [])} results for "
                f"{len(samples)} samples."
            )
        return reply.results

    async def _ask(
        self, method: str, path: str, body: bytes | None, kind: type[Reply], since: float
    ) -> Reply:
        """The reply, with retries where they may help, until `deadline` seconds after `since`.

        The clock stops while other requests get rewards and this one waits for its turn.
        Raises RewardRejected, RewardUnavailable, and RewardError for a reply that cannot be read.
        """
        backoff = Backoff()
        headers = {"Content-Type": "application/json"} if body else {}
        outcome: httpx.Response | str = ""  # as of `_once`
        while True:
            try:
                async with self._turn(since) as since:
                    outcome, wait = await self._once(method, path, body, headers)
            except TimeoutError:
                before = f"; before that: {outcome}" if outcome else ""
                outcome, wait = f"no answer{before}", 0.0
            if isinstance(outcome, httpx.Response):
                return _parsed(outcome, kind)
            wait = backoff.next(wait)
            if time.monotonic() + wait > since + self._config.deadline:
                never = "" if self._answered else " It never has answered: is reward.url right?"
                raise RewardUnavailable(
                    f"The reward service at {self._config.url} gives no rewards within "
                    f"reward.deadline={self._config.deadline:g} s (last problem: {outcome}).{never}"
                )
            if backoff.tries == 1:
                log.warning("Waiting for the reward service at %s: %s", self._config.url, outcome)
            await asyncio.sleep(wait)

    @asynccontextmanager
    async def _turn(self, since: float) -> AsyncIterator[float]:
        """A context that holds one of the slots, for a request made at `since`.

        Yields `since`, moved forward by the time in which others got rewards while this one waited.
        Raises TimeoutError when `deadline` has passed since then, while waiting or in the context.
        """
        queued = time.monotonic()

        def begun() -> float:
            return since + max(0.0, self.last_reply - queued)

        while True:
            left = begun() + self._config.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._slots.acquire()
                    break
        start = begun()
        try:
            async with asyncio.timeout(start + self._config.deadline - time.monotonic()):
                yield start
        finally:
            self._slots.release()

    async def _once(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[httpx.Response | str, float | None]:
        """A response, or what went wrong and how long the service asks to wait."""
        try:
            response = await self._http.request(method, path, content=body, headers=headers)
        except httpx.RequestError as error:
            return f"{type(error).__name__} {error}".strip(), None
        self._answered = True
        if response.is_success:
            return response, None
        again, wait = retryable(response)
        if again:
            later = f", to be asked again after {wait:.0f} s" if wait else ""
            return f"HTTP {response.status_code}{later}", wait
        raise RewardRejected(
            f"The reward service refused {method} {path} with HTTP {response.status_code}: "
            f"{_complaint(response)}",
            response.status_code,
        )

    def _check(self, version: str) -> None:
        """Raise RewardVersionChanged unless this is the version that was seen first."""
        if self.version is None:
            self.version = version
        if version == self.version:
            return
        before, now = _profile_of(self.version), _profile_of(version)
        if before != now:
            raise RewardVersionChanged(
                f"This run's reward was {self.version} and is now {version}, by "
                f"reward.profile={self._config.profile}. Set reward.profile={before}, as it was, "
                "or start a new run."
            )
        raise RewardVersionChanged(
            f"The reward changed during the run: it was {self.version} and is now {version}. "
            "Rewards of different versions cannot be compared; start a new run, or bring the "
            "old version of the service back and resume."
        )


def _authorization(variable: str) -> dict[str, str]:
    """The header with the key from an environment variable; empty if none is named."""
    if not variable:
        return {}
    key = os.environ.get(variable, "").strip()  # a secret may end with "\n"
    if not key:
        raise ConfigError(f"reward.api_key_env names {variable}, which is not set.")
    if not key.isascii() or not key.isprintable():
        raise ConfigError(
            f"The key in {variable} has characters that no header can carry; it must be printable "
            "ASCII."
        )
    return {"Authorization": f"Bearer {key}"}


def _profile_of(version: str) -> str:
    """The profile's name in a version such as `paper-1.2.0+0123abcd`."""
    return version.partition("+")[0].rpartition("-")[0]


def batched(samples: Sequence[Sample], size: int) -> list[list[Sample]]:
    """At most `size` samples a batch; a group is split only if it is larger than that.

    Whole groups, because the service reports on groups too.
    """
    batches: list[list[Sample]] = []
    for _, members in itertools.groupby(enumerate(samples), lambda pair: pair[1].group or pair[0]):
        chunk = [sample for _, sample in members]
        if batches and len(batches[-1]) + len(chunk) <= size:
            batches[-1] += chunk
        else:
            batches += [chunk[start : start + size] for start in range(0, len(chunk), size)]
    return batches


def _parsed(response: httpx.Response, kind: type[Reply]) -> Reply:
    try:
        return kind.model_validate_json(response.content)
    except ValidationError as error:
        raise RewardError(
            f"{response.request.url} did not answer as the reward service does: "
            f"{error.errors()[0]['msg']}. Is reward.url right?"
        ) from error


def _complaint(response: httpx.Response) -> str:
    try:
        reply = ErrorReply.model_validate_json(response.content)
    except ValidationError:
        return response.reason_phrase
    places = [
        f"{p.field}{'' if p.sample is None else f' of sample {p.sample}'}: {p.message}"
        for p in reply.problems[:3]
    ]
    # The error may be the first of the problems already.
    return " ".join([reply.error, *(place for place in places if place not in reply.error)])
