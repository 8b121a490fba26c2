"""A soak test: does memory stay flat, and is every reply correct, under mixed traffic?

    python -m benchmarks.soak --minutes 30

The traffic has batches of all sizes, single samples, hostile completions, compressed bodies,
invalid requests, and clients that disconnect. Every minute it prints the resident memory of the
server's processes; the last line compares the end with the middle, because caches fill at first.
"""

import argparse
import asyncio
import contextlib
import gzip
import random
import time
from collections import Counter
from typing import Any

import httpx
import orjson

from benchmarks.corpus import hostile, hostile_answers, malformed, well_formed
from benchmarks.serving import Server, service
from rules.labels import Labels
from rules.profile import load_profile
from rules.reward import Scorer

CLIENTS = 8
HOSTILE_CHARACTERS = 20_000
SCORER = Scorer(load_profile("safegrpo"))
"""Computes the expected rewards in process."""
READINGS = 4
"""Minimum number of memory readings."""
MOST_GROWTH = 0.05
"""Fraction by which memory may grow from the middle of the soak to its end."""


def main() -> None:
    """Run the soak; exit with status 1 if anything was wrong."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--minutes", type=float, default=30)
    arguments.add_argument("--workers", type=int, default=2)
    options = arguments.parse_args()
    if not options.minutes > 0:
        arguments.error("--minutes must be above 0")
    with service("--workers", str(options.workers), "--max-runs", "5") as server:
        wrong = asyncio.run(_soak(server, options.minutes * 60))
    raise SystemExit(1 if wrong else 0)


async def _soak(server: Server, seconds: float) -> bool:
    until = time.monotonic() + seconds
    outcomes: Counter[str] = Counter()
    async with httpx.AsyncClient(base_url=server.url, timeout=60, trust_env=False) as client:
        watch = asyncio.create_task(_watch(server, outcomes, until))
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(_traffic(client, random.Random(number), outcomes, until))
        memory = await watch
    half, end = memory[(len(memory) - 1) // 2], memory[-1]
    grown = end / half - 1
    unexpected = {name: count for name, count in outcomes.items() if "not" in name}
    print(f"memory {half / 1e6:.1f} MB at half time, {end / 1e6:.1f} MB at the end: {grown:+.1%}")
    print(f"unexpected outcomes: {unexpected or 'none'}")
    return grown > MOST_GROWTH or bool(unexpected)


async def _watch(server: Server, outcomes: Counter[str], until: float) -> list[int]:
    began, memory = time.monotonic(), []
    pause = min(60.0, (until - began) / READINGS)
    while time.monotonic() < until:
        await asyncio.sleep(min(pause, max(0.0, until - time.monotonic())))
        memory.append(server.memory_bytes())
        minutes = (time.monotonic() - began) / 60
        print(f"{minutes:6.1f} min {memory[-1] / 1e6:8.1f} MB  {dict(outcomes)}", flush=True)
    return memory


async def _traffic(
    client: httpx.AsyncClient, rng: random.Random, outcomes: Counter[str], until: float
) -> None:
    kinds = (_right, _right, _right, _hostile, _wrong, _compressed, _hung_up)
    while time.monotonic() < until:
        await rng.choice(kinds)(client, rng, outcomes)


async def _right(client: httpx.AsyncClient, rng: random.Random, outcomes: Counter[str]) -> None:
    await _ask(client, _batch(rng, rng.choice((1, 1, 1, 8, 64, 256))), "right", outcomes)


async def _hostile(client: httpx.AsyncClient, rng: random.Random, outcomes: Counter[str]) -> None:
    batch = _batch(rng, 1)
    (sample,) = batch["samples"]
    if rng.random() < 0.5:
        _, make = rng.choice(list(hostile(suffix="")))
        sample["completion"] = make(HOSTILE_CHARACTERS)
    else:  # a hostile answer in an otherwise valid completion, so that the stance rules read it
        _, make = rng.choice(list(hostile_answers()))
        text, _ = well_formed(random.Random(rng.randrange(200)), 1_000, "")
        before = text.partition("<answer>")[0]
        sample["completion"] = f"{before}<answer>{make(HOSTILE_CHARACTERS)}</answer>"
    await _ask(client, batch, "hostile", outcomes)


async def _wrong(client: httpx.AsyncClient, rng: random.Random, outcomes: Counter[str]) -> None:
    batch = _batch(rng, 2)
    del batch["samples"][1]["labels"]
    await _ask(client, batch, "wrong", outcomes, expected=422)


async def _compressed(
    client: httpx.AsyncClient, rng: random.Random, outcomes: Counter[str]
) -> None:
    await _ask(client, _batch(rng, 16), "compressed", outcomes, compressed=True)


async def _hung_up(client: httpx.AsyncClient, rng: random.Random, outcomes: Counter[str]) -> None:
    body = orjson.dumps(_batch(rng, 64))
    with contextlib.suppress(httpx.TimeoutException):
        await client.post("/reward", content=body, timeout=0.002)
    outcomes["hung up"] += 1


async def _ask(
    client: httpx.AsyncClient,
    batch: dict[str, Any],
    name: str,
    outcomes: Counter[str],
    expected: int = 200,
    compressed: bool = False,
) -> None:
    body, headers = orjson.dumps(batch), {}
    if compressed:
        body, headers = gzip.compress(body, 1), {"Content-Encoding": "gzip"}
    reply = await client.post("/reward", content=body, headers=headers)
    if reply.status_code == 429:
        outcomes["told to come back"] += 1
        await asyncio.sleep(float(reply.headers["retry-after"]))
    elif reply.status_code != expected:
        outcomes[f"{name}: {reply.status_code}, not {expected}"] += 1
    elif expected == 200 and orjson.loads(reply.content)["rewards"] != _rewards(batch):
        outcomes[f"{name}: rewards that are not those in process"] += 1
    else:
        outcomes[name] += 1


def _rewards(batch: dict[str, Any]) -> list[float | None]:
    return [
        SCORER.score(sample["completion"], Labels(**sample["labels"])).reward
        for sample in batch["samples"]
    ]


def _batch(rng: random.Random, size: int) -> dict[str, Any]:
    samples = []
    for number in range(size):
        make = rng.choice((well_formed, well_formed, malformed))
        text, labels = make(random.Random(rng.randrange(200)), 1_000, "")
        group = str(number // 8)
        samples.append({"completion": text, "labels": labels._asdict(), "group": group})
    run = f"run-{rng.randrange(50)}"
    return {"run": run, "step": rng.randrange(1000), "samples": samples}


if __name__ == "__main__":
    main()
