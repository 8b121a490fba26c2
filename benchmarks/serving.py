"""The servers to measure: child processes on free ports."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.app.serving import ending, free_port, wait_ready


class Server:
    """A running server."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._process = process

    @property
    def processes(self) -> list[int]:
        """The process and its current children."""
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def cpu_seconds(self) -> dict[int, float]:
        """CPU time so far, by process."""
        return {pid: _cpu_seconds(pid) for pid in self.processes}

    def memory_bytes(self) -> int:
        """Resident memory of all its processes."""
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.processes]
        return sum(pages) * os.sysconf("SC_PAGE_SIZE")


def _cpu_seconds(pid: int) -> float:
    """By the process's own clock (clock_getcpuclockid), finer than the ticks in /proc/PID/stat."""
    return time.clock_gettime(~pid << 3 | 2)


@contextmanager
def service(*flags: str) -> Iterator[Server]:
    """The reward service."""
    with _running("app", "serve", "--drain-seconds", "0", *flags) as server:
        yield server


@contextmanager
def naive_service() -> Iterator[Server]:
    """The peer of `benchmarks.naive`, served as FastAPI's documentation does."""
    with _uvicorn("benchmarks.naive:app") as server:
        yield server


@contextmanager
def bare_service() -> Iterator[Server]:
    """HTTP alone: `benchmarks.bare`."""
    with _uvicorn("benchmarks.bare:app") as server:
        yield server


@contextmanager
def _uvicorn(app: str) -> Iterator[Server]:
    with _running("uvicorn", app, "--log-level", "warning", "--no-access-log") as server:
        yield server


@contextmanager
def _running(module: str, *arguments: str) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", module, *arguments, "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = Server(port, process)
    with ending(process):
        wait_ready(server.url, process, path="/openapi.json")  # all of them have it
        yield server


def wrk() -> str | None:
    """The load generator `wrk` (Debian's package of that name), if there is one."""
    return shutil.which("wrk")
