"""Ten times as much as the service can hold, slow clients, and the end of the process."""

import asyncio
import json
import re
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from starlette.types import Message

from app.server import create_app
from app.service import INLINE_BYTES
from app.settings import Settings
from rules.reward import Scorer
from tests.app.local import SCORING, sent
from tests.app.serving import (
    eventually,
    free_port,
    sample,
    server,
    started,
    statistics,
    unsafe_sample,
    wait_ready,
)

DEADLINE = 10
SAMPLES = 400
BODY = json.dumps({"samples": [sample()] * SAMPLES}).encode()
PROBE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
UNLIMITED = httpx.Limits(max_connections=None)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    limits = ("--max-body-bytes", str(len(BODY)), "--queue-bytes", str(7 * len(BODY)))
    times = ("--head-seconds", "1", "--body-seconds", "1", "--deadline-seconds", str(DEADLINE))
    with server(*limits, *times) as (address, _):
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


def test_who_waits_in_the_queue_until_the_deadline_is_told_to_come_back(
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


def test_slow_clients_are_let_go_and_keep_out_nobody(address: str) -> None:
    """They announce more, together, than the service can hold."""
    head = f"POST /reward HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n{{"
    with ExitStack() as connections:
        slow = [connections.enter_context(connected(address)) for _ in range(10)]
        for connection in slow:
            connection.sendall(head.encode())
        assert httpx.post(f"{address}/reward", content=BODY, timeout=60).status_code == 200
        assert reply_of(slow[0]).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("sent", [b"", b"POST /reward HTTP/1.1\r\nHost", PROBE + b"GET /"])
def test_who_stalls_in_a_head_is_let_go(address: str, sent: bytes) -> None:
    with connected(address) as connection:
        connection.sendall(sent)
        while connection.recv(4096):  # until the server closes the connection
            pass


def test_a_head_in_pieces_is_read_and_a_connection_waits_for_the_next(address: str) -> None:
    with connected(address) as connection:
        for pause in (0.0, 1.5):  # between requests, longer than a head may take
            time.sleep(pause)
            for piece in (PROBE[:9], PROBE[9:]):
                connection.sendall(piece)
                time.sleep(0.1)
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_who_would_rather_speak_http2_is_told_why_there_are_no_rewards(address: str) -> None:
    """Java's client asks for it of its own accord, and so does `curl --http2`."""
    upgrade = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMA"}
    reply = httpx.post(f"{address}/reward", content=BODY, headers=upgrade, timeout=60)
    assert reply.status_code == 400
    assert "header Upgrade" in reply.json()["error"]


SMALL = json.dumps({"samples": [unsafe_sample()] * 20}).encode()


def test_small_requests_that_wait_for_the_event_loop_count_it(address: str) -> None:
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


def test_a_small_request_that_has_waited_too_long_is_told() -> None:
    with server("--deadline-seconds", "0.000001") as (url, _):
        reply = httpx.post(f"{url}/reward", content=SMALL)
    assert reply.status_code == 429
    assert "too busy to begin" in reply.json()["error"]


CHUNKED = b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"GET /healthz HTTP/1.1\r\n", b"X: " + b"x" * 1000 + b"\r\n"),
        (b"GET /healthz HTTP/1.1\r\nX: ", b"x" * 1000),
        (b"POST /nowhere" + CHUNKED + b"0\r\n", b"X: " + b"x" * 1000 + b"\r\n"),
        (b"POST /reward" + CHUNKED + b"1;", b"x" * 1000),
    ],
    ids=["headers", "one header", "trailers", "a chunk's extension"],
)
def test_what_comes_around_a_body_is_bounded(address: str, begin: bytes, more: bytes) -> None:
    """By bytes: in the second after which it is let go a client could send many times as many."""
    with connected(address) as connection:
        # What the system holds for a server that does not get to read would count as taken.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**16)
        connection.sendall(begin)
        assert keep_sending(connection, more) < 2**20


def test_a_large_head_and_a_body_in_the_smallest_chunks_are_read(address: str) -> None:
    body = json.dumps({"samples": [sample()]}).encode()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    with connected(address) as connection:
        head = b"POST /reward" + CHUNKED.replace(b"Host", b"X: " + b"x" * 30_000 + b"\r\nHost")
        connection.sendall(head + chunks)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_who_goes_on_with_a_body_that_nobody_wants_is_let_go(address: str) -> None:
    with connected(address) as connection:
        connection.sendall(b"POST /nowhere" + CHUNKED)
        assert connection.recv(4096).startswith(b"HTTP/1.1 404 ")
        keep_sending(connection, b"1\r\nx\r\n", pause=0.1)


def test_who_wants_the_connection_closed_is_told_why_the_body_is_refused(address: str) -> None:
    """As `urllib` asks: it sends all of the body before it reads anything."""
    for _ in range(10):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{address}/reward", b" " * (40 * len(BODY)), timeout=60)
        assert refused.value.code == 413


@pytest.mark.parametrize("before", [b"", PROBE])
@pytest.mark.parametrize("target", [b"http://host", b"http://["])
def test_an_address_that_is_none_is_refused(address: str, before: bytes, target: bytes) -> None:
    with connected(address) as connection:
        connection.sendall(before + b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"HTTP/1.1 400 " in reply_of(connection)


def test_who_asks_whether_to_send_and_is_refused_is_not_waited_for(address: str) -> None:
    head = b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
    with connected(address) as connection:
        started = time.monotonic()
        connection.sendall(head + b"Connection: close\r\nExpect: 100-continue\r\n\r\n")
        assert reply_of(connection).startswith(b"HTTP/1.1 404 ")
        assert time.monotonic() - started < 0.9  # the server's `body_seconds` is 1


def test_who_hangs_up_with_further_requests_behind_is_noticed(address: str) -> None:
    head = f"POST /reward HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
    seconds = "safegrpo_request_seconds_count"
    gone = (seconds, frozenset({("protocol", "reward"), ("status", "499")}))
    before = statistics(address).get(gone, 0)
    for _ in range(5):
        with connected(address) as connection:
            connection.sendall((head + BODY) * 2)
    eventually(lambda: statistics(address).get(gone, 0) >= before + 5)
    held = ("safegrpo_queue_samples", frozenset[tuple[str, str]]())
    eventually(lambda: statistics(address)[held] == 0)


def test_who_does_not_read_a_reply_is_let_go(address: str) -> None:
    body = json.dumps({"samples": [sample("")] * 1_500}).encode()
    head = f"POST /reward HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        url = httpx.URL(address)
        connection.connect((url.host, url.port or 80))
        connection.settimeout(60)
        for _ in range(20):  # replies that the system's own buffers cannot hold
            connection.sendall(head + body)
        keep_sending(connection, b"\r\n", pause=0.1)


def keep_sending(connection: socket.socket, piece: bytes, pause: float = 0.0) -> int:
    """Send until the server hangs up; returns how many bytes were sent."""
    sent, deadline = 0, time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            connection.sendall(piece)
        except ConnectionError:
            return sent
        sent += len(piece)
        time.sleep(pause)
    raise AssertionError("the server did not hang up")


def reply_of(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    reply = b""
    while received := connection.recv(65536):
        reply += received
    return reply


def connected(address: str) -> socket.socket:
    url = httpx.URL(address)
    return socket.create_connection((url.host, url.port or 80), 60)


def test_on_sigterm_it_is_not_ready_then_listens_no_more_and_finishes_what_is_in_flight() -> None:
    port = free_port()
    process = started(port, "--drain-seconds", "3")
    address = f"http://127.0.0.1:{port}"
    head = f"POST /reward HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
    in_flight = ("safegrpo_in_flight", frozenset[tuple[str, str]]())
    try:
        wait_ready(address, process)
        with connected(address) as connection:
            connection.sendall(head + BODY[:100])
            eventually(lambda: statistics(address)[in_flight] == 1)
            process.send_signal(signal.SIGTERM)
            eventually(lambda: httpx.get(f"{address}/readyz", timeout=60).status_code == 503)
            eventually(lambda: not listens(address))
            connection.sendall(BODY[100:])
            reply = reply_of(connection)
        assert process.wait(60) in (0, -signal.SIGTERM)
    finally:
        process.kill()
    assert reply.startswith(b"HTTP/1.1 200 ")
    assert json.loads(reply.partition(b"\r\n\r\n")[2])["rewards"] == [1.0] * SAMPLES


def test_who_still_sends_what_was_refused_does_not_hold_up_the_end() -> None:
    port = free_port()
    process = started(port, "--drain-seconds", "0", "--max-body-bytes", "1024")
    address = f"http://127.0.0.1:{port}"
    try:
        wait_ready(address, process)
        with connected(address) as connection:
            connection.sendall(b"POST /reward HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")
            process.send_signal(signal.SIGTERM)
            eventually(lambda: not listens(address))
            connection.sendall(b"x" * 2000)
            assert process.wait(20) in (0, -signal.SIGTERM)  # its grace would be 35 seconds
    finally:
        process.kill()


def listens(address: str) -> bool:
    try:
        connected(address).close()
    except ConnectionError:
        return False
    return True
