"""A test of nginx.conf with a real nginx: one of three replicas is killed under load.

    python -m deploy.nginx.try_failover

It sends numbered batches from many threads, without retries of its own, and kills a replica after a
third of them. Every batch must get the same rewards as from an undisturbed server, the load must be
balanced over the replicas, and a request must keep its id. In between it sends requests that cannot
be scored because their judge is unavailable: these must get a 503 with a Retry-After, and must not
make nginx avoid the replica that sent it. Exits with status 1 if any of this fails.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from tests.app.judged import judged_profile
from tests.app.serving import ending, free_port, sample, server, statistics, wait_ready

REPLICAS = 3
BATCHES = 600
SAMPLES = 8
THREADS = 16
UNSCORABLE_EVERY = 10
"""Batches for each request that no replica can score."""

CONFIGURATION = Path(__file__).with_name("nginx.conf")
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
"""Debian's stands in /usr/sbin, which is not on every user's PATH."""


def main() -> None:
    """Run the test and print its result."""
    if NGINX is None:
        sys.exit("nginx is not installed: apt-get install nginx-light")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        judged = judged_profile(folder, "http://127.0.0.1:1/v1", ask="all")
        flags = ("--profiles", judged)
        replicas = [stack.enter_context(server(*flags)) for _ in range(REPLICAS)]
        url = stack.enter_context(_nginx(NGINX, [replica for replica, _ in replicas]))
        _check_request_id(url)
        (_, killed), *others = replicas
        replies = _send_batches(url, killed)
        scored = [_samples_scored(replica) for replica, _ in others]
    lost = sum(rewards is None for rewards in replies)
    wrong = sum(
        rewards is not None and rewards != _expected_rewards(number)
        for number, rewards in enumerate(replies)
    )
    print(f"{BATCHES} batches of {SAMPLES} samples, one of {REPLICAS} replicas killed")
    print(f"lost: {lost}; wrong rewards: {wrong}")
    print(f"samples scored by the other replicas: {scored}")
    balanced = min(scored) > 0.7 * max(scored) and sum(scored) < BATCHES * SAMPLES
    if lost or wrong or not balanced:
        sys.exit("failed")
    print("balanced, nothing lost")


def _check_request_id(url: str) -> None:
    request_id = "trainer-7/3"
    response = httpx.get(f"{url}/healthz", headers={"X-Request-Id": request_id})
    if response.headers["X-Request-Id"] != request_id:
        sys.exit("the client's request id was lost")


def _sample(number: int, index: int) -> dict[str, Any]:
    return sample() if (number + index) % 3 else sample(f"no structure {number}")


def _expected_rewards(number: int) -> list[float]:
    return [1.0 if (number + index) % 3 else 0.0 for index in range(SAMPLES)]


def _send_batches(url: str, killed: int) -> list[list[float] | None]:
    """The rewards of each batch (None: no 200); the process `killed` is killed meanwhile."""
    replied = count(1)

    def send(number: int) -> list[float] | None:
        samples = [_sample(number, index) for index in range(SAMPLES)]
        try:
            if number % UNSCORABLE_EVERY == 0:
                _send_unscorable(client)
            reply = client.post("/reward", json={"samples": samples, "detail": "none"})
        except httpx.TransportError:
            return None
        if next(replied) == BATCHES // 3:
            os.kill(killed, signal.SIGKILL)
        rewards: list[float] | None = reply.json()["rewards"] if reply.is_success else None
        return rewards

    with httpx.Client(base_url=url, timeout=120) as client, ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(send, range(BATCHES)))


def _send_unscorable(client: httpx.Client) -> None:
    """Send a request that no replica can score; its reply must be a 503 with a Retry-After."""
    reply = client.post("/reward", json={"profile": "judged", "samples": [sample()]})
    if reply.status_code != httpx.codes.SERVICE_UNAVAILABLE or "Retry-After" not in reply.headers:
        sys.exit(f"a request that cannot be scored got a {reply.status_code}")


def _samples_scored(url: str) -> int:
    counts = statistics(url).items()
    return int(sum(value for (name, _), value in counts if name == "safegrpo_samples_total"))


@contextmanager
def _nginx(program: str, replicas: list[str]) -> Iterator[str]:
    """A context in which nginx runs with nginx.conf, in which only addresses are replaced.

    Yields its URL.
    """
    port = free_port()
    text = CONFIGURATION.read_text().replace("127.0.0.1:8700", f"127.0.0.1:{port}")
    for number, url in enumerate(replicas, 1):
        text = re.sub(rf"127\.0\.0\.1:870{number}\b", url.removeprefix("http://"), text)
    with tempfile.TemporaryDirectory(prefix="reward-nginx-") as folder:
        path = Path(folder) / "nginx.conf"
        path.write_text(text)
        os.chmod(folder, 0o755)
        command = [program, "-p", folder, "-c", str(path), "-g", "daemon off;"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        with ending(process):
            wait_ready(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}"


if __name__ == "__main__":
    main()
