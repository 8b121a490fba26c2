"""A real server process for the tests, on a free port, and samples to send it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.rules.completions import completion, unsafe

LABELS_SAFE = {"visual": "safe", "text": "safe", "combined": "safe"}
LABELS_UNSAFE = {"visual": "safe", "text": "safe", "combined": "unsafe"}


def sample(text: str | None = None, **fields: Any) -> dict[str, Any]:
    """A sample of a safe pair; right in everything unless told otherwise."""
    return {"completion": completion() if text is None else text, "labels": LABELS_SAFE, **fields}


def unsafe_sample(text: str | None = None, **fields: Any) -> dict[str, Any]:
    """A sample of an unsafe combination; right in everything unless told otherwise."""
    return sample(unsafe() if text is None else text, **{"labels": LABELS_UNSAFE, **fields})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def server(*flags: str, env: dict[str, str] | None = None) -> Iterator[tuple[str, int]]:
    """`safegrpo serve` as a process of its own; yields its address and process id."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve", "--port", str(port), "--drain-seconds", "0", *flags],
        env={**os.environ, **(env or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_ready(address, process)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait(20)


def wait_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended before it was ready"
        try:
            if httpx.get(f"{address}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the server was not ready within a minute")
