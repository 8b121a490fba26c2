"""Limits up to the last sample and character; where a request is scored, and for whom no more."""

import asyncio
import gzip
import json
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from starlette.types import Message

from app.exchange import ARRIVED
from app.server import create_app
from app.service import INLINE_BYTES
from app.settings import Settings
from rules.reward import Scorer
from tests.app.local import SCORING, post, sent
from tests.app.serving import sample

LIMITS: dict[str, Any] = {"max_samples": 2, "max_characters": 1000}


@pytest.mark.parametrize(
    "samples",
    [[sample()] * 2, [sample("x" * 1000)], [sample(prompt="x" * 1000)]],
    ids=["samples", "completion", "prompt"],
)
def test_a_batch_as_large_as_the_limits_is_scored(samples: list[dict[str, Any]]) -> None:
    assert len(post({"samples": samples}, **LIMITS).json()["rewards"]) == len(samples)


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        ([sample()] * 3, "the batch has 3 samples; at most 2 are taken"),
        ([sample("x" * 1001)], "samples[0].completion has 1001 characters; at most 1000 are taken"),
        (
            [sample(), sample(prompt="x" * 1001)],
            "samples[1].prompt has 1001 characters; at most 1000 are taken",
        ),
    ],
    ids=["samples", "completion", "prompt"],
)
def test_a_batch_larger_by_one_is_413_naming_what_is_too_large(
    samples: list[dict[str, Any]], says: str
) -> None:
    reply = post({"samples": samples}, **LIMITS)
    assert reply.status_code == 413
    assert reply.json()["error"] == says


def body(*completions: str, bytes_: int = 0) -> bytes:
    """A batch as JSON, as long as asked for."""
    batch = {"samples": [sample(completion) for completion in completions]}
    return json.dumps(batch).encode().ljust(bytes_)


class Meanwhile(NamedTuple):
    """What comes of requests that come while a batch of two samples is scored, which is the most
    that is held at a time."""

    small: list[Message]
    large: list[Message]
    gone: list[Message]
    scored: list[str]
    left_over: int


@pytest.fixture(scope="module")
def meanwhile() -> Iterator[Meanwhile]:
    begun, end, scored = threading.Event(), threading.Event(), []
    examine = Scorer.examine

    def slow(self: Scorer, completion: str, prompt: str = "") -> Any:
        scored.append(completion)
        begun.set()
        assert end.wait(20)
        return examine(self, completion, prompt)

    async def run() -> Meanwhile:
        app = create_app(Settings(max_samples=2, queue_samples=2), SCORING)
        first = asyncio.create_task(sent(app, body("first", "first", bytes_=INLINE_BYTES + 1)))
        await asyncio.to_thread(begun.wait, 20)
        small = await sent(app, body("small"))
        large, gone = (
            asyncio.create_task(sent(app, body(name, bytes_=INLINE_BYTES + 1), name == "gone"))
            for name in ("large", "gone")
        )
        await asyncio.sleep(0.1)
        end.set()
        await first
        return Meanwhile(small, await large, await gone, scored, len(asyncio.all_tasks()) - 1)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Scorer, "examine", slow)
        yield asyncio.run(run())


def test_no_more_samples_are_held_than_the_bound_says(meanwhile: Meanwhile) -> None:
    start, _ = meanwhile.small
    assert start["status"] == 429


def test_a_wait_for_others_is_told(meanwhile: Meanwhile) -> None:
    start, _ = meanwhile.large
    assert start["status"] == 200
    timing = dict(start["headers"])[b"server-timing"].decode()
    assert float(timing.removeprefix("queue;dur=").partition(",")[0]) >= 90


def test_nothing_is_scored_for_who_hangs_up_in_the_queue(meanwhile: Meanwhile) -> None:
    assert meanwhile.gone == []
    assert meanwhile.scored == ["first", "first", "large"]


def test_nobody_listens_for_a_hang_up_once_the_reply_is_sent(meanwhile: Meanwhile) -> None:
    assert meanwhile.left_over == 0


def test_nothing_more_is_scored_for_who_hangs_up_in_the_middle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A trainer that gave up, and asks again, does not wait for its own dead batch."""
    scored = []

    async def run() -> list[Message]:
        loop, gone = asyncio.get_running_loop(), asyncio.Event()

        def examine(self: Scorer, completion: str, prompt: str = "") -> Any:
            scored.append(completion)
            loop.call_soon_threadsafe(gone.set)
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0.1), loop).result()
            raise RuntimeError

        monkeypatch.setattr(Scorer, "examine", examine)
        app = create_app(Settings(), SCORING)
        return await sent(app, body("first", "second", bytes_=INLINE_BYTES + 1), gone)

    assert asyncio.run(run()) == []
    assert scored == ["first"]


@pytest.mark.parametrize(
    ("posted", "encoding", "thread"),
    [
        (body("x"), None, "MainThread"),
        (body("x", bytes_=INLINE_BYTES + 1), None, "score_0"),
        (gzip.compress(body("x")), "gzip", "score_0"),  # who knows how much there is in it
    ],
    ids=["small", "large", "compressed"],
)
def test_only_what_is_small_for_certain_is_scored_on_the_event_loop(
    posted: bytes, encoding: str | None, thread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads, examine = [], Scorer.examine

    def noting(self: Scorer, completion: str, prompt: str = "") -> Any:
        threads.append(threading.current_thread().name)
        return examine(self, completion, prompt)

    monkeypatch.setattr(Scorer, "examine", noting)
    post(posted, {"Content-Encoding": encoding} if encoding else {})
    assert threads == [thread]


@pytest.mark.parametrize(("waited", "status"), [(0, 200), (30, 429)])
def test_the_deadline_counts_from_when_the_request_came(waited: float, status: int) -> None:
    app = create_app(Settings(deadline_seconds=20), SCORING)
    arrived: dict[str, Any] = {ARRIVED: time.perf_counter() - waited}
    start, _ = asyncio.run(sent(app, body("x"), **arrived))
    assert start["status"] == status
