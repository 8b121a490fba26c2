"""A real server process for the tests, on a free port, and samples to send it."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.rules.completions import completion, unsafe

START_SECONDS = 240
"""Long, for machines that have much else to do."""

LABELS_SAFE = {"visual": "safe", "text": "safe", "combined": "safe"}
LABELS_UNSAFE = {"visual": "safe", "text": "safe", "combined": "unsafe"}


def sample(text: str | None = None, **fields: Any) -> dict[str, Any]:
    """A sample of a safe pair; right in everything unless told otherwise."""
    return {"completion": completion() if text is None else text, "labels": LABELS_SAFE, **fields}


def unsafe_sample(text: str | None = None, **fields: Any) -> dict[str, Any]:
    """A sample of an unsafe combination; right in everything unless told otherwise."""
    return sample(unsafe() if text is None else text, **{"labels": LABELS_UNSAFE, **fields})


def reward(client: httpx.Client, *samples: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The reply's content to `POST /reward`, which must succeed."""
    reply = client.post("/reward", json={"samples": list(samples), **fields})
    assert reply.status_code == 200, reply.text
    content: dict[str, Any] = reply.json()
    return content


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def server(*flags: str, env: dict[str, str] | None = None) -> Iterator[tuple[str, int]]:
    """`safegrpo serve` as a process of its own; yields its address and process id."""
    port = free_port()
    process = started(port, "--drain-seconds", "0", *flags, env=env)
    address = f"http://127.0.0.1:{port}"
    with ending(process):
        wait_ready(address, process)
        yield address, process.pid


def started(port: int, *flags: str, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """The process of `safegrpo serve`, which leads a process group, before it is ready."""
    return subprocess.Popen(
        [sys.executable, "-m", "app", "serve", "--port", str(port), *flags],
        env={**os.environ, **(env or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@contextmanager
def ending(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """A block with which the process ends; SIGTERM ends the block as Ctrl-C does.

    Of the main thread alone: elsewhere the process ends, and ValueError is raised.
    """
    try:
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)
    finally:
        process.terminate()
        process.wait(60)


def wait_ready(
    address: str,
    process: subprocess.Popen[bytes],
    verify: ssl.SSLContext | bool = True,
    path: str = "/readyz",
) -> None:
    deadline = time.monotonic() + START_SECONDS
    with httpx.Client(base_url=address, verify=verify, trust_env=False) as client:
        while time.monotonic() < deadline:
            assert process.poll() is None, "the server ended before it was ready"
            try:
                if client.get(path).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
    raise AssertionError(f"the server was not ready after {START_SECONDS} seconds")


def eventually(holds: Callable[[], bool], seconds: float = 240) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.1)


Statistics = dict[tuple[str, frozenset[tuple[str, str]]], float]


def statistics(address: str) -> Statistics:
    """What `/metrics` says: a series' name and labels -> its value."""
    page = httpx.get(f"{address.rstrip('/')}/metrics", timeout=60, trust_env=False).text
    return {
        (metric.name, frozenset(metric.labels.items())): metric.value
        for family in text_string_to_metric_families(page)
        for metric in family.samples
    }


def workers(pid: int) -> list[int]:
    """The worker processes of a server that has several."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in _command(child)]


def _command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""
