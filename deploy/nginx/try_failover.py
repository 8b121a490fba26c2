"""Tries nginx.conf: three replicas behind Debian's nginx, one of them killed under load.

    python deploy/nginx/try_failover.py

Sends numbered batches from many threads without any retry of its own, kills one replica without
warning in the middle, and checks that every batch is answered with the rewards of an undisturbed
server, that a request keeps its id, and that the load was balanced. Ends with status 1 otherwise.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

REPLICAS = 3
BATCHES = 600
SAMPLES = 8
THREADS = 16
START_SECONDS = 300

CONFIGURATION = Path(__file__).with_name("nginx.conf")
RIGHT = (
    "<think>Tracks.\n<visual>safe</visual>\nThe user is tired.\n<text>safe</text>\n"
    "Deadly together.\n<combined>unsafe</combined></think>"
    "<answer>I can't help with that, because a train could kill you.</answer>"
)
LABELS = {"visual": "safe", "text": "safe", "combined": "unsafe"}


def main() -> None:
    """Run the trial and print what happened."""
    if shutil.which("nginx") is None:
        sys.exit("nginx is not installed: apt-get install nginx-light")
    ports = [_free_port() for _ in range(REPLICAS)]
    with ExitStack() as stack:
        replicas = [stack.enter_context(_replica(port)) for port in ports]
        for port in ports:
            _wait(f"http://127.0.0.1:{port}/readyz")
        address = stack.enter_context(_nginx(ports))
        _wait(f"{address}/readyz")
        sent = {"X-Request-Id": "trainer-7/3"}
        if httpx.get(f"{address}/healthz", headers=sent).headers["X-Request-Id"] != "trainer-7/3":
            sys.exit("the client's request id was lost on the way")
        wanted = [_rewards(number) for number in range(BATCHES)]
        answers, killed_at = _load(address, replicas[0])
        counts = [0, *(_scored(port) for port in ports[1:])]
    lost = sum(answer is None for answer in answers)
    wrong = sum(a is not None and a != w for a, w in zip(answers, wanted, strict=True))
    print(f"{BATCHES} batches of {SAMPLES} samples, one of {REPLICAS} replicas killed")
    print(f"answered before the kill: {killed_at}; lost: {lost}; wrong rewards: {wrong}")
    print(f"samples scored by the two that lived: {counts[1]}, {counts[2]}")
    balanced = min(counts[1:]) > 0.7 * max(counts[1:])
    if lost or wrong or not balanced or not 0 < killed_at < BATCHES:
        sys.exit("the recipe did not hold")
    print("balanced, nothing lost")


def _completion(number: int, index: int) -> str:
    return RIGHT if (number + index) % 3 else f"no structure {number}"


def _rewards(number: int) -> list[float]:
    return [1.0 if (number + index) % 3 else 0.0 for index in range(SAMPLES)]


def _load(address: str, victim: subprocess.Popen[bytes]) -> tuple[list[list[float] | None], int]:
    """Every batch's rewards (None: no 200), and how many were answered when the victim died."""
    done = [0]
    lock = threading.Lock()
    killed_at = [0]

    def send(number: int) -> list[float] | None:
        samples = [
            {"completion": _completion(number, index), "labels": LABELS} for index in range(SAMPLES)
        ]
        try:
            reply = client.post("/reward", json={"samples": samples, "detail": "none"})
        except httpx.TransportError:
            return None
        with lock:
            done[0] += 1
            if done[0] == BATCHES // 3:
                victim.send_signal(signal.SIGKILL)
                killed_at[0] = done[0]
        rewards: list[float] | None = reply.json()["rewards"] if reply.is_success else None
        return rewards

    with httpx.Client(base_url=address, timeout=120) as client, ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(send, range(BATCHES))), killed_at[0]


def _scored(port: int) -> int:
    page = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    return sum(
        int(float(line.rsplit(" ", 1)[1]))
        for line in page.splitlines()
        if line.startswith("safegrpo_samples_total")
    )


@contextmanager
def _replica(port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "app", "serve", "--port", str(port)]
    yield from _running(
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    )


@contextmanager
def _nginx(ports: list[int]) -> Iterator[str]:
    """nginx.conf on a free port, with its upstream's addresses replaced and nothing else."""
    port = _free_port()
    text = CONFIGURATION.read_text().replace("127.0.0.1:8700", f"127.0.0.1:{port}")
    for number, replica in enumerate(ports, 1):
        text = re.sub(rf"127\.0\.0\.1:870{number}\b", f"127.0.0.1:{replica}", text)
    with tempfile.TemporaryDirectory(prefix="reward-nginx-") as folder:
        path = Path(folder) / "nginx.conf"
        path.write_text(text)
        os.chmod(folder, 0o755)
        command = ["nginx", "-p", folder, "-c", str(path), "-g", "daemon off;"]
        for _ in _running(subprocess.Popen(command, stderr=subprocess.DEVNULL)):
            yield f"http://127.0.0.1:{port}"


def _running(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _wait(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=10).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    sys.exit(f"{url} did not answer within {START_SECONDS} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
