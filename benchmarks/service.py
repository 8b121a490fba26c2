"""How fast the service is over HTTP, beside named peers in the same run.

    python -m benchmarks.service            # all of it, about three minutes
    python -m benchmarks.service --quick

It starts its servers itself. Subjects take turns, and ratios are of medians over rounds, so that a
noisy machine disturbs them alike; processor time is given beside wall time.
Absolute numbers of requests a second are worth something on an otherwise idle machine only.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import httpx
import orjson

from benchmarks import offload
from benchmarks.corpus import well_formed
from benchmarks.load import Load, flood, steady
from benchmarks.peers import re_reward
from benchmarks.serving import Server, naive_service, service, wrk
from rules.labels import Labels

BATCH = 2_048
CHARACTERS = 4_000
SINGLE_CHARACTERS = 1_000
SUFFIXES = {"official": "_safe", "paper": "_safe", "safegrpo": ""}
TARGETS = {"official": 3.0, "paper": 1.0}
SINGLE_TARGET = 3_000
P99_TARGET = 0.010

Samples = list[tuple[str, Labels]]


def main() -> None:
    """Print the tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="fewer rounds, shorter loads")
    quick = arguments.parse_args().quick
    rounds, seconds = (3, 2.0) if quick else (7, 5.0)
    with ExitStack() as servers:
        one = servers.enter_context(service())
        large_batches(one, rounds)
        two = servers.enter_context(service("--workers", "2"))
        naive = servers.enter_context(naive_service())
        for profile in ("official", "safegrpo"):
            single_samples(profile, {"naive": naive, "1 worker": one, "2 workers": two}, seconds)
        growth(one, largest=512 if quick else 4_096)
    offload.compare(
        {f"{size} x {CHARACTERS}": request("official", samples(size)) for size in (1, 8, 64, 512)}
    )


def samples(size: int, characters: int = CHARACTERS, profile: str = "official") -> Samples:
    """Well-formed completions in the profile's dialect, with their labels."""
    return [well_formed(random.Random(seed), characters, SUFFIXES[profile]) for seed in range(size)]


def request(profile: str, batch: Samples) -> bytes:
    """The body that asks for a batch."""
    return orjson.dumps(
        {
            "profile": profile,
            "samples": [{"completion": text, "labels": labels._asdict()} for text, labels in batch],
        }
    )


def large_batches(server: Server, rounds: int) -> None:
    """(a) One batch over HTTP, JSON both ways, and the `re` peer on it in this process.

    `x re` is of wall time; `x re CPU` of the processor time that client and server take together.
    """
    print(f"{BATCH} completions of {CHARACTERS} characters, one worker, one connection")
    print(f"{'profile':<10} {'HTTP ms':>8} {'re peer ms':>11} {'x re':>6} {'x re CPU':>9}  target")
    with httpx.Client(base_url=server.url, timeout=600) as client:
        for profile, target in TARGETS.items():
            batch = samples(BATCH, CHARACTERS, profile)
            subjects = partial(_asked, client, profile, batch), partial(_peer, batch)
            cpu = _take_turns(rounds, *subjects, clock=lambda: _cpu_seconds(server))
            wall = ours, peers = _take_turns(rounds, *subjects)
            ratio = _ratio(wall)
            print(
                f"{profile:<10} {statistics.median(ours) * 1e3:>8.0f} "
                f"{statistics.median(peers) * 1e3:>11.0f} {ratio:>6.2f} {_ratio(cpu):>9.2f}  "
                f">= {target:g}: {'met' if ratio >= target else 'MISSED'}"
            )


def _ratio(taken: list[list[float]]) -> float:
    """How much longer the second subject takes than the first: the median over the rounds."""
    return statistics.median(theirs / own for own, theirs in zip(*taken, strict=True))


def _cpu_seconds(server: Server) -> float:
    return time.process_time() + server.cpu_seconds()


def _asked(client: httpx.Client, profile: str, batch: Samples) -> list[float]:
    reply = client.post("/reward", content=request(profile, batch))
    reply.raise_for_status()
    rewards: list[float] = orjson.loads(reply.content)["rewards"]
    return rewards


def _peer(batch: Samples) -> list[float]:
    return [re_reward(text, labels) for text, labels in batch]


def _take_turns(
    rounds: int, *subjects: Callable[[], object], clock: Callable[[], float] = time.perf_counter
) -> list[list[float]]:
    seconds: list[list[float]] = [[] for _ in subjects]
    for round_ in range(rounds + 1):
        for subject, taken in zip(subjects, seconds, strict=True):
            began = clock()
            subject()
            if round_:  # the first one warms up
                taken.append(clock() - began)
    return seconds


def single_samples(profile: str, servers: dict[str, Server], seconds: float) -> None:
    """(b) A sample a request: throughput, latency at half of it, and whose time it is."""
    body = request(profile, samples(1, SINGLE_CHARACTERS, profile))
    print(
        f"\nrequests of one sample of {SINGLE_CHARACTERS} characters, profile {profile}, "
        f"by {'wrk' if wrk() else 'an asyncio client (wrk is not installed)'}"
    )
    print(
        f"{'server':<10} {'requests/s':>11} {'x naive':>8} {'CPU us each':>12} {'ours':>6} "
        f"{'p50 ms':>8} {'p99 ms':>8}  (latency at half that rate)"
    )
    for server in servers.values():
        flood(server, body, 1)  # warms up
    loads = {name: _median_load(server, body, seconds) for name, server in servers.items()}
    for name, server in servers.items():
        load = loads[name]
        latency = steady(server, body, load.per_second / 2, seconds)
        ours = "" if name == "naive" else f"{_compute_seconds(server, body) / load[2]:.0%}"
        print(
            f"{name:<10} {load.per_second:>11,.0f} "
            f"{load.per_second / loads['naive'].per_second:>8.2f} "
            f"{load.cpu_seconds_each * 1e6:>12.0f} {ours:>6} "
            f"{latency.median * 1e3:>8.2f} {latency.p99 * 1e3:>8.2f}  "
            + (_verdicts(load, latency.p99) if name == "1 worker" else "")
        )


def _median_load(server: Server, body: bytes, seconds: float) -> Load:
    return sorted(flood(server, body, seconds / 3) for _ in range(3))[1]


def _verdicts(load: Load, p99: float) -> str:
    fast = "met" if load.per_second >= SINGLE_TARGET else "MISSED"
    prompt = "met" if p99 < P99_TARGET else "MISSED"
    return f">= {SINGLE_TARGET:,}/s: {fast}; p99 < {P99_TARGET * 1e3:g} ms: {prompt}"


def _compute_seconds(server: Server, body: bytes) -> float:
    """Median seconds that one request takes to parse, score and write, as the server says."""
    with httpx.Client(base_url=server.url) as client:
        headers = [
            client.post("/reward", content=body).headers["server-timing"] for _ in range(200)
        ]
    totals = [sum(float(part.split("=")[1]) for part in one.split(", ")) for one in headers]
    return statistics.median(totals) / 1e3


def growth(server: Server, largest: int) -> None:
    """(c) Milliseconds by batch size and length; doubling either should at most double them."""
    lengths = (1_000, 4_000, 16_000)
    print("\nms a request, profile official, by batch size and characters")
    print(f"{'samples':>8} " + " ".join(f"{length:>10}" for length in lengths))
    with httpx.Client(base_url=server.url, timeout=600) as client:
        for exponent in range(0, largest.bit_length(), 3):
            size, cells = 2**exponent, []
            for length in lengths:
                if size * length > 2**25:
                    cells.append(f"{'-':>10}")
                    continue
                batch = samples(size, length)
                (taken,) = _take_turns(5, partial(_asked, client, "official", batch))
                cells.append(f"{min(taken) * 1e3:>10.2f}")
            print(f"{size:>8} " + " ".join(cells))


if __name__ == "__main__":
    main()
