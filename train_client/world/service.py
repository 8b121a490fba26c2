"""The demo's reward service: a child process (`RewardService`), or one that is already running
(`RunningService`).

A run compares the counts in the service's `/metrics` with its own, to prove that its rewards came
from there.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx

from train_client.reward.loopback import PAST_PROXIES

HOST = "127.0.0.1"
START_SECONDS = 240.0
"""Longest start of the service."""
STARTED = "safegrpo_start_time_seconds "
"""The beginning of the line in `/metrics` that changes when a service is restarted."""
SETTLING_SECONDS = 1.0
"""Waited before counts are read: a service's workers add theirs up a few times a second."""


class ServiceError(RuntimeError):
    """The service did not start or cannot be read, or its counts differ from the client's."""


@dataclass(frozen=True)
class Count:
    """Scored completions and the sum of their rewards."""

    completions: int = 0
    reward_sum: float = 0.0

    def __add__(self, other: Count) -> Count:
        return Count(self.completions + other.completions, self.reward_sum + other.reward_sum)

    def __sub__(self, other: Count) -> Count:
        return Count(self.completions - other.completions, self.reward_sum - other.reward_sum)

    @property
    def mean(self) -> float:
        return self.reward_sum / self.completions if self.completions else 0.0

    def agrees(self, other: Count) -> bool:
        """Whether the numbers are equal, and the means up to the rounding of a sum of floats."""
        return self.completions == other.completions and abs(self.mean - other.mean) < 1e-6


class RewardService:
    """A context in which `python -m app serve` runs on a free port, and is restarted if it dies.

    Its output goes to the file `log`. SIGTERM raises SystemExit, so that the service is stopped
    too; therefore use it in the main thread. Entering raises ServiceError if it does not start.
    """

    def __init__(self, log: Path, profile: str = "safegrpo") -> None:
        self._log = log
        self._profile = profile
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self.restarts = 0
        """Times the process died and was restarted, which resets its counts to zero."""

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    @property
    def pid(self) -> int | None:
        """Of the process; None before the context is entered."""
        return self._process.pid if self._process else None

    def __str__(self) -> str:
        return f"{self.url} (process {self.pid})"

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGTERM, _leave)
        self._process = self._start()
        try:
            self._wait_until_ready()
        except BaseException:
            self._stop()
            raise
        self._watcher.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._closing.set()
        self._watcher.join()
        self._stop()

    def count(self) -> Count:
        """Completions scored for this profile since the process started."""
        return _count(_get(f"{self.url}/metrics", timeout=10).text, self._profile)

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "app", "serve", "--host", HOST]
        command += ["--port", str(self._port), "--profile", self._profile]
        # In a session of its own, since Ctrl-C is for the trainer alone, which may need the last
        # rewards.
        with self._log.open("ab") as log:
            return subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise ServiceError(f"The reward service exited during its start; see {self._log}.")
            with suppress(httpx.TransportError):
                if _get(f"{self.url}/readyz", timeout=2).is_success:
                    return
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
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        signal.signal(signal.SIGTERM, self._before)


class RunningService:
    """The same context for a service that is already running; it counts only what is scored in it.

    Raises ServiceError if the service's metrics cannot be read.
    """

    def __init__(self, url: str, profile: str = "safegrpo") -> None:
        self.url = url.rstrip("/")
        self._profile = profile

    def __str__(self) -> str:
        return self.url

    def __enter__(self) -> Self:
        time.sleep(SETTLING_SECONDS)
        page = self._page()
        self._before, self._started = _count(page, self._profile), _total(page, STARTED)
        return self

    def __exit__(self, *raised: object) -> None:
        pass

    @property
    def restarts(self) -> int:
        """1 if the service was restarted, once or more, which reset its counts to zero; else 0."""
        return int(_total(self._page(), STARTED) != self._started)

    def count(self) -> Count:
        """Completions scored for this profile since the context was entered."""
        time.sleep(SETTLING_SECONDS)
        total = _count(self._page(), self._profile)
        return total if self.restarts else total - self._before

    def _page(self) -> str:
        try:
            reply = _get(f"{self.url}/metrics", timeout=10).raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceError(
                f"{self.url}/metrics cannot be read ({error}); is the reward service there?"
            ) from error
        return reply.text


def _leave(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def _get(url: str, timeout: float) -> httpx.Response:
    with httpx.Client(mounts=PAST_PROXIES, timeout=timeout) as client:
        return client.get(url)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _count(page: str, profile: str) -> Count:
    """The completions scored for a profile; `page`: the text of `/metrics`."""
    label = f'profile="{profile}"'
    # The sum, a counter, must not decrease; negative rewards have a counter of their own.
    return Count(
        int(_total(page, f"safegrpo_reward_count{{{label}}} ")),
        _total(page, f"safegrpo_reward_sum{{{label}}} ")
        - _total(page, f"safegrpo_reward_below_zero_total{{{label},"),
    )


def _total(page: str, beginning: str) -> float:
    """The sum of the series whose lines start with `beginning`; 0 if there are none."""
    lines = page.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(beginning))
