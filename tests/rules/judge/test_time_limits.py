"""A judge that is slow, or a client that is gone, holds nobody up."""

import asyncio
import contextlib
import gc
import threading
import time
from collections.abc import Sequence
from typing import Any

from rules.judge import Judge, JudgeError, Question
from tests.rules.judge.asking import REFUSAL, ask, judge
from tests.rules.judge.endpoint import Reply, serving


def test_nobody_goes_on_asking_for_a_client_that_is_gone() -> None:
    release, begun = threading.Event(), threading.Event()
    untold: list[dict[str, Any]] = []

    def answer(body: dict[str, Any]) -> Reply:
        begun.set()
        release.wait(20)
        return REFUSAL

    async def run(subject: Judge) -> Sequence[Any]:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: untold.append(told))
        gone = asyncio.get_running_loop().create_future()
        questions = [Question("p", f"answer {n}") for n in range(9)]
        asking = asyncio.create_task(subject.ask(questions, gone=gone))
        await asyncio.to_thread(begun.wait)
        gone.set_result(None)
        outcomes = await asking
        await subject.close()
        return outcomes

    with serving(answer) as endpoint:
        outcomes = asyncio.run(run(judge(endpoint.url, concurrency=2)))
        release.set()
    assert all(isinstance(outcome, JudgeError) for outcome in outcomes)
    assert len(endpoint.requests) <= 2
    gc.collect()
    assert not untold


def test_a_judge_that_hangs_times_out() -> None:
    release = threading.Event()

    def hang(body: dict[str, Any]) -> Reply:
        release.wait(3)  # less than httpx would wait of its own accord
        return REFUSAL

    with serving(hang) as endpoint:
        (outcome,) = ask(judge(endpoint.url, timeout=0.2, retries=0), "a")
        release.set()
    assert isinstance(outcome, JudgeError)


def test_a_judge_that_dawdles_times_out() -> None:
    """Its limit is for all of a reply, not for each part."""

    async def dawdle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(30):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.1)
        writer.close()

    async def run() -> Sequence[Any]:
        server = await asyncio.start_server(dawdle, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        one = judge(f"http://127.0.0.1:{port}", timeout=0.4, retries=0)
        try:
            return await one.ask([Question("How?", "a")], seconds=2)
        finally:
            await one.close()
            server.close()

    started = time.monotonic()
    (outcome,) = asyncio.run(run())
    assert isinstance(outcome, JudgeError)
    assert time.monotonic() - started < 1.5


def test_questions_that_are_late_do_not_cost_the_others_their_answers() -> None:
    release = threading.Event()

    def answer(body: dict[str, Any]) -> Reply:
        if "hang" in body["messages"][0]["content"]:
            release.wait(20)
        return REFUSAL

    with serving(answer) as endpoint:
        subject = judge(endpoint.url, timeout=20)
        first, late, last = ask(subject, "first", "hang", "last", seconds=2)
        release.set()
    assert (first, last) == ("refusal", "refusal")
    assert isinstance(late, JudgeError)
    assert "in time" in str(late)


def test_what_is_remembered_needs_no_time() -> None:
    with serving(lambda body: REFUSAL) as endpoint:
        subject = judge(endpoint.url)

        async def run() -> list[Any]:
            asked = [Question("p", "a")]
            answers = [await subject.ask(asked), await subject.ask(asked, 0), await subject.ask([])]
            await subject.close()
            return answers

        assert asyncio.run(run()) == [["refusal"], ["refusal"], []]
