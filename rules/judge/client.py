"""The judge's client: bounded concurrency, timeout, retries, and a cache by content hash."""

import asyncio
import hashlib
import json
import math
import os
import random
import time
from collections import OrderedDict
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import httpx

from rules.judge.formats import UnreadableReplyError, format_of
from rules.judge.settings import JudgeSettings
from rules.stance import StanceKind

_RETRIED_STATUS = {408, 425, 429, 500, 502, 503, 504}
_LONGEST_PAUSE = 10.0
_LARGEST_REPLY = 2**20
"""In bytes; a verdict takes a few hundred."""


class Question(NamedTuple):
    """The user's instruction (may be empty), and the answer to be judged."""

    prompt: str
    answer: str


class JudgeError(Exception):
    """The judge gave no usable reply; the message says why, and never quotes the question."""


class Judge:
    """A judge behind one endpoint. Bound to the event loop of its first use.

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
            headers={"Accept-Encoding": "identity", **authorization(settings)},
            limits=httpx.Limits(max_connections=settings.concurrency),
        )

    async def ask(
        self,
        questions: Sequence[Question],
        seconds: float = math.inf,
        gone: asyncio.Future[Any] | None = None,
    ) -> list[StanceKind | JudgeError | None]:
        """The stance of each answer; None where the judge leaves it to the rules.

        A question without a readable reply within `seconds`, or before `gone` is done, gets a
        `JudgeError`: its sample is a service error, never a guess. Equal questions are asked once.
        """
        asked = {
            question: asyncio.create_task(self._answer(question))
            for question in dict.fromkeys(questions)
        }
        if not asked:
            return []
        everything = asyncio.ensure_future(asyncio.wait(asked.values()))
        ends = [everything] if gone is None else [everything, gone]
        try:
            await asyncio.wait(ends, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
            answered = {one for one, task in asked.items() if task.done()}
        finally:
            for work in (everything, *asked.values()):
                work.cancel()
        late = JudgeError("the judge did not answer in time")
        replies = {one: task.result() if one in answered else late for one, task in asked.items()}
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
                # httpx applies its timeout to each part of a reply.
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
        # Lone surrogates cannot be encoded as JSON.
        asked = [part.encode(errors="replace").decode() for part in question]
        body = {"model": self._settings.model, **self._format.request(*asked)}
        if self._settings.max_tokens is not None:
            body["max_tokens"] = self._settings.max_tokens
        address = self._settings.url.rstrip("/") + self._format.path
        async with self._client.stream("POST", address, json=body) as reply:
            reply.raise_for_status()
            said = await _bounded(reply)
        try:
            content = json.loads(said)
        except (ValueError, RecursionError) as error:
            raise UnreadableReplyError("it is no JSON") from error
        return self._format.read(self._format.text(content))


async def _bounded(reply: httpx.Response) -> bytes:
    said = bytearray()
    async for piece in reply.aiter_bytes():
        said += piece
        if len(said) > _LARGEST_REPLY:
            raise UnreadableReplyError("it is too long")
    return bytes(said)


def _retry_after(reply: httpx.Response) -> float:
    """Seconds that the header Retry-After asks for, as a number or a date; 0 if it is neither."""
    asked: str = reply.headers.get("Retry-After", "")
    try:
        return float(asked)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(asked).timestamp() - time.time()
    except (ValueError, OverflowError):
        return 0.0


def _content_hash(question: Question) -> bytes:
    digest = hashlib.sha256()
    for part in question:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.digest()


def authorization(settings: JudgeSettings) -> dict[str, str]:
    """The headers that authorise a request; empty if no key is configured.

    Raises:
        JudgeError: the environment variable for the key is not set, or holds no valid key.
    """
    if settings.api_key_variable is None:
        return {}
    key = os.environ.get(settings.api_key_variable, "").strip()  # a secret may end with "\n"
    if not key:
        raise JudgeError(f"the judge's key is not set: export {settings.api_key_variable}")
    if not key.isascii() or not key.isprintable():
        raise JudgeError(
            f"the judge's key in {settings.api_key_variable} has characters that no header carries"
        )
    return {"Authorization": f"Bearer {key}"}
