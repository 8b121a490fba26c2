"""Ten times as much as the service can hold, slow clients, and the end of the process."""

import asyncio
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from tests.app.serving import free_port, sample, server, started, wait_ready

DEADLINE = 10
BATCH = {"samples": [sample() for _ in range(400)]}
BODY_BYTES = 250_000


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    limits = ("--max-body-bytes", str(BODY_BYTES), "--queue-bytes", str(4 * BODY_BYTES))
    times = ("--body-seconds", "1", "--deadline-seconds", str(DEADLINE))
    with server(*limits, *times) as (address, _):
        yield address


def test_ten_times_the_capacity_gets_rewards_or_429_and_nobody_waits_for_long(
    address: str,
) -> None:
    async def run() -> list[tuple[int, float]]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits) as client:
            probe = asyncio.create_task(probed(client))
            answers = await asyncio.gather(*[posted(client) for _ in range(100)])
            assert await probe < DEADLINE
        return answers

    answers = asyncio.run(run())
    statuses = Counter(status for status, _ in answers)
    assert set(statuses) == {200, 429}
    assert max(seconds for status, seconds in answers if status == 200) < DEADLINE + 2


async def posted(client: httpx.AsyncClient) -> tuple[int, float]:
    began = time.monotonic()
    reply = await client.post("/reward", json=BATCH)
    if reply.status_code == 200:
        assert reply.json()["rewards"] == [1.0] * len(BATCH["samples"])
    else:
        assert int(reply.headers["retry-after"]) >= 1
    return reply.status_code, time.monotonic() - began


async def probed(client: httpx.AsyncClient) -> float:
    """Seconds of a health check meanwhile."""
    began = time.monotonic()
    assert (await client.get("/healthz")).status_code == 200
    return time.monotonic() - began


def test_a_slow_client_is_let_go_and_holds_up_nobody(address: str) -> None:
    url = httpx.URL(address)
    with socket.create_connection((url.host, url.port or 80), timeout=60) as slow:
        slow.sendall(b"POST /reward HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert httpx.post(f"{address}/reward", json=BATCH, timeout=60).status_code == 200
        reply = b""
        while received := slow.recv(4096):  # until the server closes the connection
            reply += received
    assert reply.startswith(b"HTTP/1.1 408 ")


def test_on_sigterm_it_is_not_ready_and_finishes_what_is_in_flight() -> None:
    port = free_port()
    process = started(port, "--drain-seconds", "3")
    address = f"http://127.0.0.1:{port}"

    async def run() -> tuple[int, httpx.Response]:
        async with httpx.AsyncClient(base_url=address, timeout=60) as client:
            batch = {"samples": [sample()] * 10_000}
            flying = asyncio.create_task(client.post("/reward", json=batch))
            await asyncio.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.2)
            return (await client.get("/readyz")).status_code, await flying

    try:
        wait_ready(address, process)
        ready, reply = asyncio.run(run())
        assert process.wait(60) in (0, -signal.SIGTERM)
    finally:
        process.kill()
    assert ready == 503
    assert reply.status_code == 200
    assert reply.json()["rewards"] == [1.0] * 10_000
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/healthz")
