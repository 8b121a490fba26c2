"""Asks the judge: bounded concurrency, timeout, retries, a cache by content hash."""

import asyncio
import hashlib
import math
import os
import random
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import httpx

from rules.judge.formats import UnreadableReplyError, format_of
from rules.judge.settings import JudgeSettings
from rules.stance import StanceKind

_RETRIED_STATUS = {408, 425, 429, 500, 502, 503, 504}
_LONGEST_PAUSE = 10.0


class Question(NamedTuple):
    """What the judge is asked about: the user's instruction (may be empty) and the answer to it."""

    prompt: str
    answer: str


class JudgeError(Exception):
    """The judge could not be heard; the sentence says why, never what it was asked."""


class Judge:
    """A judge behind one endpoint. Belongs to the event loop that it is first used in.

    Raises:
        JudgeError: the environment variable that should hold the endpoint's key is not set.
    """

    def __init__(self, settings: JudgeSettings) -> None:
        self._settings = settings
        self._format = format_of(settings)
        self.rule = f"judge.{settings.format}"
        self._remembered: OrderedDict[bytes, StanceKind | None] = OrderedDict()
        self._places = asyncio.Semaphore(settings.concurrency)
        self._client = httpx.AsyncClient(
            timeout=settings.timeout,
            headers=authorization(settings),
            limits=httpx.Limits(max_connections=settings.concurrency),
        )

    async def ask(
        self, questions: Sequence[Question], seconds: float = math.inf
    ) -> list[StanceKind | JudgeError | None]:
        """The stance of each answer; None where the judge leaves it to the rules.

        A question that gets no readable reply within `seconds` has a `JudgeError` in its place: its
        sample is a service error, never a guess. Equal questions are asked once.
        """
        asked = {
            question: asyncio.create_task(self._answer(question))
            for question in dict.fromkeys(questions)
        }
        if not asked:
            return []
        try:
            answered, _ = await asyncio.wait(asked.values(), timeout=max(0.0, seconds))
        finally:
            for task in asked.values():
                task.cancel()
        late = JudgeError("the judge did not answer in time")
        replies = {one: task.result() if task in answered else late for one, task in asked.items()}
        return [replies[question] for question in questions]

    async def close(self) -> None:
        await self._client.aclose()

    async def _answer(self, question: Question) -> StanceKind | JudgeError | None:
        key = _content_hash(question)
        if key in self._remembered:
            self._remembered.move_to_end(key)
            return self._remembered[key]
        async with self._places:
            try:
                kind = await self._with_retries(question)
            except JudgeError as error:
                return error
        self._remember(key, kind)
        return kind

    def _remember(self, key: bytes, kind: StanceKind | None) -> None:
        self._remembered[key] = kind
        while len(self._remembered) > self._settings.cache:
            self._remembered.popitem(last=False)

    async def _with_retries(self, question: Question) -> StanceKind | None:
        failed = JudgeError("the judge was not asked")
        asked_to_wait = 0.0
        for attempt in range(self._settings.retries + 1):
            if attempt:
                pause = min(_LONGEST_PAUSE, 0.25 * 2**attempt) * random.random()
                await asyncio.sleep(max(pause, min(_LONGEST_PAUSE, asked_to_wait)))
                asked_to_wait = 0.0
            try:
                # httpx would allow so many seconds for each part of a reply.
                async with asyncio.timeout(self._settings.timeout):
                    return await self._once(question)
            except TimeoutError:
                failed = JudgeError("the judge did not answer in time")
            except httpx.HTTPStatusError as error:
                failed = JudgeError(f"the judge answered {error.response.status_code}")
                if error.response.status_code not in _RETRIED_STATUS:
                    break
                asked_to_wait = _retry_after(error.response)
            except httpx.RequestError as error:
                failed = JudgeError(f"the judge cannot be reached: {type(error).__name__}")
            except UnreadableReplyError as error:
                failed = JudgeError(f"the judge's reply cannot be read: {error}")
        raise failed

    async def _once(self, question: Question) -> StanceKind | None:
        body = {"model": self._settings.model, **self._format.request(*question)}
        reply = await self._client.post(
            self._settings.url.rstrip("/") + self._format.path, json=body
        )
        reply.raise_for_status()
        try:
            content = reply.json()
        except (ValueError, RecursionError) as error:
            raise UnreadableReplyError("it is no JSON") from error
        return self._format.read(self._format.text(content))


def _retry_after(reply: httpx.Response) -> float:
    """The seconds that the judge asks to be left alone; 0 where it names none."""
    try:
        return float(reply.headers.get("Retry-After", ""))
    except ValueError:
        return 0.0


def _content_hash(question: Question) -> bytes:
    digest = hashlib.sha256()
    for part in question:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.digest()


def authorization(settings: JudgeSettings) -> dict[str, str]:
    """The headers that open the endpoint; none where no key is named.

    Raises:
        JudgeError: the environment variable that should hold the key is not set.
    """
    if settings.api_key_variable is None:
        return {}
    key = os.environ.get(settings.api_key_variable, "").strip()  # a secret may end with "\n"
    if not key:
        raise JudgeError(f"the judge's key is not set: export {settings.api_key_variable}")
    return {"Authorization": f"Bearer {key}"}
