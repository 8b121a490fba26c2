"""Where to score: on the event loop, in a thread, or in another process?

For each body size: the milliseconds until the reply, and the longest time that the event loop was
blocked meanwhile, which is how long a health check or a small request would wait.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import NamedTuple

import orjson

from app.body import parse_body
from app.reply import reward_reply
from app.schema import RewardRequest
from app.scoring import Scoring, score_by_rules
from rules.profile import shipped_profiles

TICK = 0.001
REPEATS = 15
Way = Callable[[bytes], Awaitable[bytes]]


class Measured(NamedTuple):
    """Seconds, each the minimum over the repeats, because other load only adds to it."""

    took: float
    held_up: float


@cache
def scoring() -> Scoring:
    """The service's scoring, loaded once."""
    return Scoring("official", shipped_profiles())


def score_body(body: bytes) -> bytes:
    """The whole computation of a request, from its body to the reply's."""
    batch = parse_body(RewardRequest, body)
    scorer = scoring().scorer(batch.profile)
    scores = score_by_rules(scorer, batch.samples)
    return orjson.dumps(reward_reply(scorer, batch.samples, scores, batch.detail))


def compare(bodies: dict[str, bytes]) -> None:
    """Print the table, one row per named body."""
    print(f"\n{'body':<20}{'':>8} {'inline ms':>18} {'thread ms':>18} {'process ms':>18}")
    print(f"{'':<28} {'took  held up':>18} {'took  held up':>18} {'took  held up':>18}")
    context = get_context("spawn")
    with ThreadPoolExecutor(1) as thread, ProcessPoolExecutor(1, context) as process:
        for name, body in bodies.items():
            cells = []
            for way in (_inline, _through(thread), _through(process)):
                measured = asyncio.run(_measure(way, body))
                cells.append(f"{measured.took * 1e3:9.2f} {measured.held_up * 1e3:8.2f}")
            print(f"{name:<20}{len(body) / 1024:>5.0f} kB {' '.join(f'{c:>18}' for c in cells)}")
    print(f"(processors: {os.cpu_count()})")


async def _inline(body: bytes) -> bytes:
    return score_body(body)


def _through(executor: Executor) -> Way:
    async def way(body: bytes) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(executor, score_body, body)

    return way


async def _measure(way: Way, body: bytes) -> Measured:
    for _ in range(3):
        await way(body)  # loads the profiles, wherever it runs
    lags: list[float] = []
    ticker = asyncio.create_task(_tick(lags))
    taken, held = [], []
    for _ in range(REPEATS):
        await asyncio.sleep(2 * TICK)
        lags.clear()
        began = time.perf_counter()
        await way(body)
        taken.append(time.perf_counter() - began)
        await asyncio.sleep(2 * TICK)
        held.append(max(lags, default=0.0))
    ticker.cancel()
    return Measured(min(taken), min(held))


async def _tick(lags: list[float]) -> None:
    while True:
        due = time.perf_counter() + TICK
        await asyncio.sleep(TICK)
        lags.append(time.perf_counter() - due)
