"""A worker's life where it goes wrong: it cannot begin, or is stuck."""

import asyncio
import json
import multiprocessing
import time
from collections.abc import Iterable
from multiprocessing.synchronize import Event

import pytest

from app import lifespan
from app.logs import JsonFormatter
from app.service import Service
from app.settings import Settings
from rules.reward import Scorer
from tests.app.local import SCORING


def service() -> Service:
    return Service(Settings(), SCORING)


def test_why_the_service_cannot_start_is_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise OSError("do-not-log-me")

    async def run() -> None:
        async with lifespan.serving(service()):
            raise AssertionError("it has started")

    monkeypatch.setattr(lifespan, "keep_freed_memory", fail)
    with pytest.raises(OSError, match="do-not-log-me"):
        asyncio.run(run())
    (record,) = caplog.records
    line = JsonFormatter().format(record)
    found = json.loads(line)
    assert (found["message"], found["error"]) == ("the service cannot start", "OSError")
    assert "do-not-log-me" not in line


def test_every_profile_is_warmed_up_before_the_service_is_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class WarmEnoughError(Exception):
        """Ends the start here, before it changes this process for good."""

    def warm_up(scorers: Iterable[Scorer]) -> None:
        assert not starting.ready
        warmed.extend(scorers)
        raise WarmEnoughError

    async def run() -> None:
        async with lifespan.serving(starting):
            raise AssertionError("it has started")

    starting, warmed = service(), list[Scorer]()
    monkeypatch.setattr(lifespan, "warm_up", warm_up)
    with pytest.raises(WarmEnoughError):
        asyncio.run(run())
    assert warmed == list(SCORING.scorers.values())


def _stuck(came_by: Event) -> None:
    lifespan.HUNG_SECONDS = 1

    async def run() -> None:
        async with lifespan.serving(service()):
            await asyncio.sleep(3)  # longer than it may be stuck: it is not
            came_by.set()
            time.sleep(60)

    asyncio.run(run())


def test_a_worker_whose_event_loop_is_stuck_says_where_and_ends(
    capfd: pytest.CaptureFixture[str],
) -> None:
    spawn = multiprocessing.get_context("spawn")
    came_by = spawn.Event()
    worker = spawn.Process(target=_stuck, args=(came_by,))
    worker.start()
    worker.join(50)
    assert came_by.is_set()
    assert worker.exitcode == 1
    assert "test_lifespan.py" in capfd.readouterr().err
