"""More than the service can hold, or score in time."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.types import Message

from app.server import create_app
from app.service import INLINE_BYTES
from app.settings import Settings
from rules.reward import Scorer
from tests.app.local import SCORING, sent
from tests.app.raw_connections import connected
from tests.app.serving import sample, server, unsafe_sample

DEADLINE = 10
SAMPLES = 400
BODY = json.dumps({"samples": [sample()] * SAMPLES}).encode()
SMALL = json.dumps({"samples": [unsafe_sample()] * 20}).encode()
UNLIMITED = httpx.Limits(max_connections=None)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    limits = ("--max-body-bytes", str(len(BODY)), "--queue-bytes", str(7 * len(BODY)))
    with server(*limits, "--deadline-seconds", str(DEADLINE)) as (address, _):
        yield address


def test_ten_times_the_capacity_gets_rewards_or_429(address: str) -> None:
    async def run() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=address, timeout=250, limits=UNLIMITED) as client:
            posts = [client.post("/reward", content=BODY) for _ in range(70)]
            *answers, probe = await asyncio.gather(*posts, client.get("/healthz"))
        assert probe.status_code == 200
        return answers

    answers = asyncio.run(run())
    assert {answer.status_code for answer in answers} == {200, 429}
    for answer in answers:
        if answer.status_code == 429:
            assert int(answer.headers["retry-after"]) >= 1
        else:
            assert len(answer.json()["rewards"]) == SAMPLES
            assert queued_seconds(answer) < DEADLINE


def queued_seconds(answer: httpx.Response) -> float:
    timing = answer.headers["server-timing"]
    return float(timing.partition("queue;dur=")[2].partition(",")[0]) / 1e3


def test_a_request_that_waits_in_the_queue_until_the_deadline_gets_429(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, release, examine = threading.Event(), threading.Event(), Scorer.examine

    def slow(self: Scorer, completion: str, prompt: str = "") -> Any:
        begun.set()
        assert release.wait(60)
        return examine(self, completion, prompt)

    async def run() -> list[Message]:
        app = create_app(Settings(deadline_seconds=1), SCORING)
        first = asyncio.create_task(sent(app, BODY))
        await asyncio.to_thread(begun.wait, 60)
        try:
            return await asyncio.wait_for(sent(app, BODY), 30)  # the first is scored all the while
        finally:
            release.set()
            await first

    monkeypatch.setattr(Scorer, "examine", slow)
    start, said = asyncio.run(run())
    assert start["status"] == 429
    assert b"too busy to begin" in said["body"]


def test_waiting_for_the_event_loop_counts_as_queueing(address: str) -> None:
    head = f"POST /reward HTTP/1.1\r\nHost: x\r\nContent-Length: {len(SMALL)}\r\n\r\n".encode()
    assert len(SMALL) <= INLINE_BYTES
    replies = b""
    with connected(address) as connection:
        connection.sendall((head + SMALL) * 20)
        while replies.count(b"x-request-id") < 20:
            received = connection.recv(65536)
            assert received, "the server hung up"
            replies += received
    waited = [float(wait) for wait in re.findall(rb"queue;dur=([\d.]+)", replies)]
    assert waited[-1] > waited[0]


def test_a_small_request_that_has_waited_too_long_gets_429() -> None:
    with server("--deadline-seconds", "0.000001") as (url, _):
        reply = httpx.post(f"{url}/reward", content=SMALL)
    assert reply.status_code == 429
    assert "too busy to begin" in reply.json()["error"]
