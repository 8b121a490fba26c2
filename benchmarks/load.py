"""Load generators: closed-loop for throughput, open-loop at a steady rate for latency."""

import asyncio
import gc
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.serving import Server, wrk

CONNECTIONS = 32


class Load(NamedTuple):
    """Requests per second with status 200, and the server CPU time they took."""

    per_second: float
    cpu_seconds_each: float
    shares: list[float]
    """Shares of that time by process, without processes below 1 %."""


class OverloadedError(Exception):
    """The server could not keep up with the rate."""


class Latency(NamedTuple):
    """Seconds from the time when a request was due to the last byte of its reply."""

    median: float
    p99: float


def flood(server: Server, body: bytes, seconds: float) -> Load:
    """As many requests as the server answers, over `CONNECTIONS` connections.

    It uses `wrk` if that is installed, else the client below, which takes about as much CPU time
    as the server.
    """
    before = server.cpu_seconds()
    count, took = _wrk(server, body, seconds) if wrk() else _client(server, body, seconds)
    cpu = [now - before.get(pid, 0.0) for pid, now in server.cpu_seconds().items()]
    total = max(sum(cpu), 1e-9)
    shares = [spent / total for spent in cpu if spent > 0.01 * total]
    return Load(count / took, total / max(1, count), shares)


def _wrk(server: Server, body: bytes, seconds: float) -> tuple[int, float]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "body.json").write_bytes(body)
        script = Path(folder) / "post.lua"
        script.write_text(
            f'local file = io.open("{folder}/body.json", "rb")\n'
            'wrk.method = "POST"\nwrk.body = file:read("*a")\n'
            'wrk.headers["Content-Type"] = "application/json"\n'
            "done = function(summary)\n"
            "  local bad = summary.errors.status + summary.errors.read + summary.errors.timeout\n"
            '  io.write(string.format("\\n[%d,%d,%d]", summary.requests, bad, summary.duration))\n'
            "end\n"
        )
        duration = f"-d{max(1, round(seconds))}s"  # it accepts whole seconds only
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", duration, "-s", str(script)]
        done = subprocess.run(
            [*command, f"{server.url}/reward"], capture_output=True, text=True, check=True
        )
    requests, bad, microseconds = json.loads(done.stdout.splitlines()[-1])
    return requests - bad, microseconds / 1e6


def _client(server: Server, body: bytes, seconds: float) -> tuple[int, float]:
    async def run() -> int:
        until = time.perf_counter() + seconds
        return sum(await asyncio.gather(*[_loop(server, body, until) for _ in range(CONNECTIONS)]))

    return asyncio.run(run()), seconds


async def _loop(server: Server, body: bytes, until: float) -> int:
    connection = await Connection.open(server)
    succeeded = 0
    while time.perf_counter() < until:
        succeeded += await connection.post(body) == 200
    connection.close()
    return succeeded


def steady(server: Server, body: bytes, per_second: float, seconds: float) -> Latency:
    """Latencies at a fixed rate: a late reply does not delay later requests.

    Raises:
        OverloadedError: the replies took over twice `seconds`.
    """
    gc.disable()  # a pause of the client would count as latency of the server
    try:
        taken = asyncio.run(
            asyncio.wait_for(_steady(server, body, per_second, seconds), 2 * seconds)
        )
    except TimeoutError:
        message = f"{per_second:,.0f} requests a second could not be kept up"
        raise OverloadedError(message) from None
    finally:
        gc.enable()
    cuts = statistics.quantiles(taken, n=100)
    return Latency(cuts[49], cuts[98])


async def _steady(server: Server, body: bytes, per_second: float, seconds: float) -> list[float]:
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        idle.put_nowait(await Connection.open(server))

    async def request(due: float) -> float:
        connection = await idle.get()
        status = await connection.post(body)
        if status != 200:
            raise RuntimeError(f"status {status}: only successful replies can be timed")
        idle.put_nowait(connection)
        return time.perf_counter() - due

    begin, tasks = time.perf_counter(), []
    for number in range(int(per_second * seconds)):
        due = begin + number / per_second
        if (pause := due - time.perf_counter()) > 0:
            await asyncio.sleep(pause)
        tasks.append(asyncio.create_task(request(due)))
    taken = await asyncio.gather(*tasks)
    while not idle.empty():
        idle.get_nowait().close()
    return taken


class Connection:
    """One keep-alive connection, with only as much of HTTP as these replies need."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, server: Server) -> "Connection":
        return cls(*await asyncio.open_connection("127.0.0.1", server.port))

    async def post(self, body: bytes) -> int:
        """The status of the reply to `POST /reward`."""
        length = f"Content-Type: application/json\r\nContent-Length: {len(body)}"
        self._writer.write(f"POST /reward HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n".encode() + body)
        head_lines = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        replied = head_lines.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await self._reader.readexactly(int(replied))
        return int(head_lines[9:12])

    def close(self) -> None:
        self._writer.close()
