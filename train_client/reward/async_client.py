"""The asynchronous client of the reward service.

An unavailable service delays a run but never changes its result: requests are retried until a
deadline, after which the run stops, and rewards of another version are refused.
"""

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
from train_client.config.errors import ConfigError
from train_client.config.sections import RewardConfig
from train_client.reward.errors import (
    RewardError,
    RewardRejected,
    RewardUnavailable,
    RewardVersionChanged,
)
from train_client.reward.loopback import PAST_PROXIES
from train_client.reward.retry import Backoff, retryable

log = logging.getLogger(__name__)

Reply = TypeVar("Reply", bound=BaseModel)


class AsyncRewardClient:
    """To be used on one event loop. At most `reward.in_flight` requests are open at a time, each of
    at most `reward.batch_size` samples.
    """

    def __init__(self, config: RewardConfig, run: str = "") -> None:
        """`run`: a name for the service's statistics.

        Raises ConfigError if `reward.api_key_env` names a key that cannot be used.
        """
        self._config = config
        self._run = run or None
        self.version: str | None = None
        """The reward's version: the first one seen, or that of the run being resumed."""
        self.last_reply = 0.0
        """time.monotonic() of the newest reply with rewards."""
        self._answered = False
        """Whether the service has ever responded, with an error or not."""
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
        """Require the reward version of the run being resumed; None if it had none.

        Raises RewardVersionChanged if another version was seen already.
        """
        seen, self.version = self.version, version or self.version
        if seen is not None:
            self._check(seen)

    async def profile(self) -> ProfileReply:
        """The profile with its instruction text; fixes `version` if none was seen yet.

        Raises what `score` raises.
        """
        request = self._http.build_request("GET", f"/profiles/{self._config.profile}")
        reply = await self._reply(request, ProfileReply, time.monotonic())
        self._check(reply.version)
        return reply

    async def score(self, samples: Sequence[Sample], step: int | None = None) -> list[Result]:
        """Results aligned with `samples`; `reward` is None for those that could not be scored.

        Raises RewardRejected for a refusal (4xx), RewardUnavailable at the deadline,
        RewardVersionChanged, and RewardError for a reply that cannot be read.
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
        body = RewardRequest(
            profile=self._config.profile, run=self._run, step=step, samples=list(samples)
        )
        request = self._http.build_request(
            "POST",
            "/reward",
            content=body.model_dump_json(exclude_none=True).encode(),
            headers={"Content-Type": "application/json"},
        )
        reply = await self._reply(request, RewardReply, since)
        self._check(reply.version)
        self.last_reply = time.monotonic()
        if reply.results is None or len(reply.results) != len(samples):
            raise RewardError(
                f"The reward service answered {len(reply.results or [])} results for "
                f"{len(samples)} samples."
            )
        return reply.results

    async def _reply(self, request: httpx.Request, kind: type[Reply], since: float) -> Reply:
        """The reply to a request, with retries until `reward.deadline` seconds after `since`.

        Time during which the request waits for a slot while others get rewards does not count.
        Raises RewardRejected, RewardUnavailable, and RewardError for a reply that cannot be read.
        """
        backoff = Backoff()
        outcome: httpx.Response | str = ""  # as `_send` returns it
        while True:
            try:
                async with self._slot(since) as since:
                    outcome, wait = await self._send(request)
            except TimeoutError:
                before = f"; before that: {outcome}" if outcome else ""
                outcome, wait = f"no answer{before}", 0.0
            if isinstance(outcome, httpx.Response):
                return _parsed(outcome, kind)
            wait = backoff.next(wait)
            if time.monotonic() + wait > since + self._config.deadline:
                hint = "" if self._answered else " It never has answered: is reward.url right?"
                raise RewardUnavailable(
                    f"The reward service at {self._config.url} gives no rewards within "
                    f"reward.deadline={self._config.deadline:g} s (last problem: {outcome}).{hint}"
                )
            if backoff.tries == 1:
                log.warning("Waiting for the reward service at %s: %s", self._config.url, outcome)
            await asyncio.sleep(wait)

    @asynccontextmanager
    async def _slot(self, since: float) -> AsyncIterator[float]:
        """A context that holds one of the `in_flight` slots, for a request made at `since`.

        Yields `since`, moved forward by the time in which others got rewards while this request
        waited. Raises TimeoutError, while waiting or in the context, when `reward.deadline` has
        passed since then.
        """
        queued = time.monotonic()

        def shifted() -> float:
            return since + max(0.0, self.last_reply - queued)

        while True:
            left = shifted() + self._config.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._slots.acquire()
                    break
        start = shifted()
        try:
            async with asyncio.timeout(start + self._config.deadline - time.monotonic()):
                yield start
        finally:
            self._slots.release()

    async def _send(self, request: httpx.Request) -> tuple[httpx.Response | str, float | None]:
        """Send a request once. Returns (response, None) if it succeeds, and otherwise what went
        wrong and the seconds that the service asks to wait, if it does.

        Raises RewardRejected for a refusal that a retry would not change.
        """
        try:
            response = await self._http.send(request)
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
            f"The reward service refused {request.method} {request.url.path} with HTTP "
            f"{response.status_code}: {_complaint(response)}",
            response.status_code,
        )

    def _check(self, version: str) -> None:
        """Raise RewardVersionChanged unless `version` is the one that was seen first."""
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
    """The header with the key that an environment variable holds; empty if none is named."""
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
    """Batches of at most `size` samples, in order; only groups larger than that are split.

    Groups are kept together because the service reports statistics of groups too.
    """
    batches: list[list[Sample]] = []
    for _, members in itertools.groupby(enumerate(samples), lambda pair: pair[1].group or pair[0]):
        group = [sample for _, sample in members]
        if batches and len(batches[-1]) + len(group) <= size:
            batches[-1] += group
        else:
            batches += [group[start : start + size] for start in range(0, len(group), size)]
    return batches


def _parsed(response: httpx.Response, kind: type[Reply]) -> Reply:
    """The response's body as a reply. Raises RewardError if it is none."""
    try:
        return kind.model_validate_json(response.content)
    except ValidationError as error:
        raise RewardError(
            f"{response.request.url} did not answer as the reward service does: "
            f"{error.errors()[0]['msg']}. Is reward.url right?"
        ) from error


def _complaint(response: httpx.Response) -> str:
    """What an error response says: its error, and the first three problems."""
    try:
        reply = ErrorReply.model_validate_json(response.content)
    except ValidationError:
        return response.reason_phrase
    places = [
        f"{p.field}{'' if p.sample is None else f' of sample {p.sample}'}: {p.message}"
        for p in reply.problems[:3]
    ]
    # The error may already name the first problem.
    return " ".join([reply.error, *(place for place in places if place not in reply.error)])
