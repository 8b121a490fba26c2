"""The reward service as a process of its own, for the demo: started, watched, started again if it
dies, and asked.

What it counted is read from its `/metrics`, so a run can prove that its rewards came from there.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

HOST = "127.0.0.1"
START_SECONDS = 240.0


class ServiceError(RuntimeError):
    """The service did not come up, or counted something else than the client; says which."""


@dataclass(frozen=True)
class Count:
    """Scored completions and the sum of their rewards."""

    completions: int = 0
    reward_sum: float = 0.0

    def __add__(self, other: Count) -> Count:
        return Count(self.completions + other.completions, self.reward_sum + other.reward_sum)

    @property
    def mean(self) -> float:
        return self.reward_sum / self.completions if self.completions else 0.0

    def agrees(self, other: Count) -> bool:
        """The same number, and the same mean up to the rounding of a sum of floats."""
        return self.completions == other.completions and abs(self.mean - other.mean) < 1e-6


class RewardService:
    """A context in which `python -m app serve` runs on a free port; its output goes to `log`."""

    def __init__(self, log: Path, profile: str = "safegrpo") -> None:
        self._log = log
        self._profile = profile
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self.restarts = 0
        """Times the process died and was started anew; its counts then begin at zero."""

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    @property
    def pid(self) -> int | None:
        """Of the process that serves now."""
        return self._process.pid if self._process else None

    def __enter__(self) -> Self:
        self._process = self._start()
        try:
            self._wait_until_ready()
        except BaseException:
            self._stop()
            raise
        self._watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._watcher.join()
        self._stop()

    def count(self) -> Count:
        """What the service has scored since its process started, for this profile."""
        page = httpx.get(f"{self.url}/metrics", timeout=10).text
        return Count(
            int(_value(page, "safegrpo_reward_count", self._profile)),
            _value(page, "safegrpo_reward_sum", self._profile),
        )

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "app", "serve", "--host", HOST]
        command += ["--port", str(self._port), "--profile", self._profile]
        # A session of its own: Ctrl-C is for the trainer, which still needs its last rewards.
        with self._log.open("ab") as log:
            return subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise ServiceError(f"The reward service ended while starting; see {self._log}.")
            try:
                if httpx.get(f"{self.url}/readyz", timeout=2).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        raise ServiceError(
            f"The reward service was not ready after {START_SECONDS:.0f} s; see {self._log}."
        )

    def _watch(self) -> None:
        assert self._process is not None
        while not self._closing.wait(0.5):
            if self._process.poll() is not None:
                self.restarts += 1
                self._process = self._start()

    def _stop(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _value(page: str, name: str, profile: str) -> float:
    """One number of a Prometheus page; 0 before the first observation."""
    start = f'{name}{{profile="{profile}"}} '
    values = [
        float(line.removeprefix(start)) for line in page.splitlines() if line.startswith(start)
    ]
    return values[0] if values else 0.0
