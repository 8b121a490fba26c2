"""What the sampled capture keeps, and what a disk can do to it."""

import asyncio
import json
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.capture import Capture
from app.exchange import Exchange
from app.protocol import Scored
from app.schema import RewardRequest
from app.scoring import score_by_rules
from app.service import Service
from app.settings import Settings
from tests.app.local import SCORING
from tests.app.serving import eventually, sample, server


def scored(*samples: dict[str, Any]) -> Scored:
    batch = RewardRequest.model_validate({"run": "r", "step": 3, "samples": list(samples)})
    scorer = SCORING.scorer(None)
    return Scored(scorer, batch, score_by_rules(scorer, batch.samples))


def captured(folder: Path) -> list[dict[str, Any]]:
    files = sorted(folder.glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_a_captured_sample_can_be_scored_again(tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    capture = Capture(folder, share=1.0, max_bytes=2**20, workers=1)
    capture.offer(scored(sample(id="a"), sample("x", id="b")), "request-1")
    capture.close()
    first, second = captured(folder)
    assert first["version"] == SCORING.scorer(None).version
    assert (first["run"], first["step"], first["request_id"]) == ("r", 3, "request-1")
    assert [line["result"]["reward"] for line in (first, second)] == [1.0, 0.0]
    again = scored(first["sample"], second["sample"])
    assert [score.reward for score in again.scores] == [1.0, 0.0]
    assert folder.stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.iterdir())


def test_workers_keep_their_folder_under_its_cap_and_the_newest_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cap, written, sizes = 2**20, threading.Semaphore(0), []
    monkeypatch.setattr("app.capture.metrics.captured", lambda *_: written.release())
    captures = [Capture(tmp_path, share=1.0, max_bytes=cap, workers=2) for _ in range(2)]
    for number in range(150):
        captures[number % 2].offer(scored(sample("x" * 20_000, id=str(number))), "r")
        assert written.acquire(timeout=60)
        sizes.append(sum(file.stat().st_size for file in tmp_path.iterdir()))
    for capture in captures:
        capture.close()
    assert cap / 2 < max(sizes) <= cap
    assert {"148", "149"} <= {line["sample"]["id"] for line in captured(tmp_path)}


def test_what_a_slow_disk_cannot_keep_up_with_is_dropped_and_never_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, begun, release = Capture._write, threading.Event(), threading.Event()

    def slow(self: Capture, line: dict[str, Any]) -> bool:
        begun.set()
        assert release.wait(60)
        return write(self, line)

    def offer(*numbers: int) -> None:
        for number in numbers:
            two = (sample("x", id=f"{number}/{index}") for index in range(2))
            capture.offer(scored(*two), "r")

    monkeypatch.setattr(Capture, "_write", slow)
    monkeypatch.setattr("app.capture._WAITING_BATCHES", 2)
    counted: list[tuple[str, int]] = []
    monkeypatch.setattr("app.capture.metrics.captured", lambda *count: counted.append(count))
    capture = Capture(tmp_path, share=1.0, max_bytes=2**20, workers=1)
    offer(0)  # is being written
    assert begun.wait(60)
    offering = threading.Thread(target=offer, args=(1, 2, 3, 4))
    offering.start()
    offering.join(30)
    waited, dropped = offering.is_alive(), list(counted)
    release.set()
    offering.join()
    capture.close()
    assert not waited
    assert dropped == [("dropped", 2), ("dropped", 2)]
    ids = [line["sample"]["id"] for line in captured(tmp_path)]
    assert ids == ["0/0", "0/1", "1/0", "1/1", "2/0", "2/1"]


def test_files_of_others_stay(tmp_path: Path) -> None:
    others = [tmp_path / name for name in ("samples-train.jsonl", "samples-2026-11.jsonl", "a")]
    for file in others:
        file.write_bytes(b"x" * 2**20)
    capture = Capture(tmp_path, share=1.0, max_bytes=2**20, workers=1)
    for number in range(60):
        capture.offer(scored(sample("x" * 20_000, id=str(number))), "r")
    capture.close()
    assert all(file.stat().st_size == 2**20 for file in others)


def test_a_full_disk_leaves_no_half_line_and_no_empty_files_and_is_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write, room = os.write, iter([10**6, 100, 0, 10**6])
    monkeypatch.setattr("app.capture.os.write", lambda to, text: write(to, text[: next(room)]))
    counted: list[tuple[str, int]] = []
    monkeypatch.setattr("app.capture.metrics.captured", lambda *count: counted.append(count))
    capture = Capture(tmp_path, share=1.0, max_bytes=2**20, workers=1)
    for name in "abcd":
        capture.offer(scored(sample("x", id=name)), "r")
    capture.close()
    assert [line["sample"]["id"] for line in captured(tmp_path)] == ["a", "d"]
    assert counted == [("written", 1), ("dropped", 1), ("dropped", 1), ("written", 1)]
    assert len(list(tmp_path.iterdir())) == 1
    (logged,) = caplog.messages
    assert logged == "samples cannot be captured now: No space left on device"


def test_a_folder_that_was_taken_away_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    capture = Capture(folder, share=1.0, max_bytes=2**20, workers=1)
    capture.offer(scored(sample("x", id="a")), "r")
    eventually(lambda: len(captured(folder)) == 1)
    shutil.rmtree(folder)
    capture.offer(scored(sample("x", id="b")), "r")
    capture.close()
    assert [line["sample"]["id"] for line in captured(folder)] == ["b"]


def test_a_share_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter([0.1, 0.3, 0.2, 0.9])
    monkeypatch.setattr("app.capture.random.random", lambda: next(numbers))
    capture = Capture(tmp_path, share=0.25, max_bytes=2**20, workers=1)
    capture.offer(scored(*[sample("x", id=name) for name in "abcd"]), "r")
    capture.close()
    assert [line["sample"]["id"] for line in captured(tmp_path)] == ["a", "c"]


def test_what_waits_is_written_when_the_service_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Capture._write

    def slow(self: Capture, line: dict[str, Any]) -> bool:
        time.sleep(0.02)
        return write(self, line)

    async def run() -> None:
        service = Service(Settings(capture_folder=tmp_path, capture_share=1), SCORING)
        service.record(scored(sample("x", id="a"), sample("x", id="b")), exchange)
        await service.close()

    monkeypatch.setattr(Capture, "_write", slow)
    exchange = Exchange({"type": "http", "headers": []})
    asyncio.run(run())
    assert [line["sample"]["id"] for line in captured(tmp_path)] == ["a", "b"]


def test_a_server_captures_what_it_scores(tmp_path: Path) -> None:
    flags = ("--capture-folder", str(tmp_path / "capture"), "--capture-share", "1")
    with server(*flags) as (address, _):
        samples = [sample(id="a"), sample("x", id="b")]
        body = {"run": "r", "samples": samples}
        headers = {"X-Request-Id": "trainer-7/3"}
        reply = httpx.post(f"{address}/reward", json=body, headers=headers, timeout=60).json()
    first, second = captured(tmp_path / "capture")
    assert [first["result"], second["result"]] == reply["results"]
    assert first["sample"]["completion"] == samples[0]["completion"]
    assert {line["request_id"] for line in (first, second)} == {"trainer-7/3"}
