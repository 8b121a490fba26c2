"""Tries nginx.conf: three replicas behind Debian's nginx, one of them killed under load.

    python -m deploy.nginx.try_failover

Sends numbered batches from many threads without any retry of its own, kills one replica without
warning in the middle, and checks that every batch is answered with the rewards of an undisturbed
server, that a request keeps its id, and that the load was balanced. Beside them it asks for what
cannot be scored, since the judge is away: that must be a 503 with its time, and cost nobody else
anything. Ends with status 1 otherwise.
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
"""Batches for one request that no replica can answer with rewards."""

CONFIGURATION = Path(__file__).with_name("nginx.conf")
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
"""Debian's stands in /usr/sbin, which is not on every user's PATH."""


def main() -> None:
    """Run the trial and print what happened."""
    if NGINX is None:
        sys.exit("nginx is not installed: apt-get install nginx-light")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        judged = judged_profile(folder, "http://127.0.0.1:1/v1", ask="all")
        flags = ("--profiles", judged)
        replicas = [stack.enter_context(server(*flags)) for _ in range(REPLICAS)]
        address = stack.enter_context(_nginx(NGINX, [url for url, _ in replicas]))
        sent = {"X-Request-Id": "trainer-7/3"}
        if httpx.get(f"{address}/healthz", headers=sent).headers["X-Request-Id"] != "trainer-7/3":
            sys.exit("the client's request id was lost on the way")
        (_, victim), *others = replicas
        answers = _load(address, victim)
        scored = [_scored(url) for url, _ in others]
    lost = sum(answer is None for answer in answers)
    wrong = sum(a is not None and a != _rewards(number) for number, a in enumerate(answers))
    print(f"{BATCHES} batches of {SAMPLES} samples, one of {REPLICAS} replicas killed")
    print(f"lost: {lost}; wrong rewards: {wrong}")
    print(f"samples scored by those that lived: {scored}")
    balanced = min(scored) > 0.7 * max(scored) and sum(scored) < BATCHES * SAMPLES
    if lost or wrong or not balanced:
        sys.exit("the recipe did not hold")
    print("balanced, nothing lost")


def _sample(number: int, index: int) -> dict[str, Any]:
    return sample() if (number + index) % 3 else sample(f"no structure {number}")


def _rewards(number: int) -> list[float]:
    return [1.0 if (number + index) % 3 else 0.0 for index in range(SAMPLES)]


def _load(address: str, victim: int) -> list[list[float] | None]:
    """Every batch's rewards (None: no 200); the process `victim` is killed meanwhile."""
    answered = count(1)

    def send(number: int) -> list[float] | None:
        samples = [_sample(number, index) for index in range(SAMPLES)]
        try:
            if number % UNSCORABLE_EVERY == 0:
                _ask_in_vain(client)
            reply = client.post("/reward", json={"samples": samples, "detail": "none"})
        except httpx.TransportError:
            return None
        if next(answered) == BATCHES // 3:
            os.kill(victim, signal.SIGKILL)
        rewards: list[float] | None = reply.json()["rewards"] if reply.is_success else None
        return rewards

    with httpx.Client(base_url=address, timeout=120) as client, ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(send, range(BATCHES)))


def _ask_in_vain(client: httpx.Client) -> None:
    reply = client.post("/reward", json={"profile": "judged", "samples": [sample()]})
    if reply.status_code != httpx.codes.SERVICE_UNAVAILABLE or "Retry-After" not in reply.headers:
        sys.exit(f"what cannot be scored got a {reply.status_code}")


def _scored(url: str) -> int:
    counts = statistics(url).items()
    return int(sum(value for (name, _), value in counts if name == "safegrpo_samples_total"))


@contextmanager
def _nginx(program: str, replicas: list[str]) -> Iterator[str]:
    """nginx.conf on a free port, with its upstream's addresses replaced and nothing else."""
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
