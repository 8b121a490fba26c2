"""Mixed traffic for a long time: is the memory flat, and is every answer what it should be?

    python -m benchmarks.soak --minutes 30

Batches of all sizes, single samples, hostile completions, compressed bodies, wrong requests, and
clients that hang up in the middle. Every minute prints the resident memory of the server's
processes; the last line compares the end with the middle, since caches fill at first.
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

from benchmarks.corpus import hostile, malformed, well_formed
from benchmarks.serving import Server, service

CLIENTS = 8
HOSTILE_CHARACTERS = 20_000
MOST_GROWTH = 0.05
"""Share by which memory may grow from the middle of the soak to its end."""


def main() -> None:
    """Run the soak, and exit with 1 if anything was wrong."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--minutes", type=float, default=30)
    arguments.add_argument("--workers", type=int, default=2)
    given = arguments.parse_args()
    with service("--workers", str(given.workers), "--max-runs", "5") as server:
        wrong = asyncio.run(_soak(server, given.minutes * 60))
    raise SystemExit(1 if wrong else 0)


async def _soak(server: Server, seconds: float) -> bool:
    until = time.monotonic() + seconds
    answers: Counter[str] = Counter()
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        watch = asyncio.create_task(_watch(server, answers, until))
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(_traffic(client, random.Random(number), answers, until))
        memory = await watch
    half, end = memory[len(memory) // 2], memory[-1]
    grown = end / half - 1
    unexpected = {name: count for name, count in answers.items() if "not" in name}
    print(f"memory {half / 1e6:.1f} MB at half time, {end / 1e6:.1f} MB at the end: {grown:+.1%}")
    print(f"unexpected answers: {unexpected or 'none'}")
    return grown > MOST_GROWTH or bool(unexpected)


async def _watch(server: Server, answers: Counter[str], until: float) -> list[int]:
    began, memory = time.monotonic(), []
    while time.monotonic() < until:
        await asyncio.sleep(min(60.0, max(0.0, until - time.monotonic())))
        memory.append(server.memory_bytes())
        minutes = (time.monotonic() - began) / 60
        print(f"{minutes:6.1f} min {memory[-1] / 1e6:8.1f} MB  {dict(answers)}", flush=True)
    return memory


async def _traffic(
    client: httpx.AsyncClient, chance: random.Random, answers: Counter[str], until: float
) -> None:
    kinds = (_right, _right, _right, _hostile, _wrong, _compressed, _hung_up)
    while time.monotonic() < until:
        await chance.choice(kinds)(client, chance, answers)


async def _right(client: httpx.AsyncClient, chance: random.Random, answers: Counter[str]) -> None:
    batch = _batch(chance, chance.choice((1, 1, 1, 8, 64, 256)))
    await _ask(client, orjson.dumps(batch), {}, 200, "right", answers)


async def _hostile(client: httpx.AsyncClient, chance: random.Random, answers: Counter[str]) -> None:
    _, make = chance.choice(list(hostile()))
    batch = _batch(chance, 1)
    batch["samples"][0]["completion"] = make(HOSTILE_CHARACTERS)
    await _ask(client, orjson.dumps(batch), {}, 200, "hostile", answers)


async def _wrong(client: httpx.AsyncClient, chance: random.Random, answers: Counter[str]) -> None:
    batch = _batch(chance, 2)
    del batch["samples"][1]["labels"]
    await _ask(client, orjson.dumps(batch), {}, 422, "wrong", answers)


async def _compressed(
    client: httpx.AsyncClient, chance: random.Random, answers: Counter[str]
) -> None:
    body = gzip.compress(orjson.dumps(_batch(chance, 16)), 1)
    await _ask(client, body, {"Content-Encoding": "gzip"}, 200, "compressed", answers)


async def _hung_up(client: httpx.AsyncClient, chance: random.Random, answers: Counter[str]) -> None:
    body = orjson.dumps(_batch(chance, 64))
    with contextlib.suppress(httpx.TimeoutException):
        await client.post("/reward", content=body, timeout=0.002)
    answers["hung up"] += 1


async def _ask(
    client: httpx.AsyncClient,
    body: bytes,
    headers: dict[str, str],
    expected: int,
    name: str,
    answers: Counter[str],
) -> None:
    reply = await client.post("/reward", content=body, headers=headers)
    if reply.status_code == 429:
        answers["told to come back"] += 1
        await asyncio.sleep(float(reply.headers["retry-after"]))
    else:
        right = reply.status_code == expected
        answers[name if right else f"{name}: {reply.status_code}, not {expected}"] += 1


def _batch(chance: random.Random, size: int) -> dict[str, Any]:
    samples = []
    for number in range(size):
        make = chance.choice((well_formed, well_formed, malformed))
        text, labels = make(random.Random(chance.randrange(200)), 1_000, "")
        group = str(number // 8)
        samples.append({"completion": text, "labels": labels._asdict(), "group": group})
    run = f"run-{chance.randrange(50)}"
    return {"run": run, "step": chance.randrange(1000), "samples": samples}


if __name__ == "__main__":
    main()
