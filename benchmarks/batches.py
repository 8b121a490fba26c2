"""A large batch as JSON over HTTP, beside the `re` peer on the same completions in process.

`x re` compares wall time, and `x re CPU` the CPU time of client and server together, which other
programs on the machine disturb less. The steps, also in CPU time, are measured in this process;
transport is the rest: writing the request, HTTP both ways, reading the reply.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import httpx
import orjson

from app import metrics
from app.body import parse_body
from app.reply import reward_reply
from app.runs import NO_RUN
from app.schema import RewardRequest
from app.scoring import score_by_rules
from benchmarks.bodies import Samples, request, samples
from benchmarks.offload import scoring
from benchmarks.peers import re_reward
from benchmarks.serving import Server

SIZE = 2_048
CHARACTERS = 4_000
TARGETS = {"official": 3.0, "paper": 1.0}
STEPS = ("parse", "score", "count", "write")


def measure(server: Server, rounds: int) -> None:
    """Print the table, one row per profile."""
    print(f"{SIZE} completions of {CHARACTERS} characters, one worker, one connection; CPU ms")
    header = " ".join(f"{name:>9}" for name in ("HTTP", *STEPS, "transport", "re peer"))
    print(f"{'profile':<9} {header} {'x re CPU':>9} {'x re':>6}  target")
    with httpx.Client(base_url=server.url, timeout=600) as client:
        for profile, target in TARGETS.items():
            batch = samples(SIZE, CHARACTERS, profile)
            subjects = partial(_request, client, profile, batch), partial(_peer, batch)
            wall, cpu = _take_turns(rounds, server, *subjects)
            total, peer = (statistics.median(taken) * 1e3 for taken in cpu)
            steps = _steps(request(profile, batch), rounds)
            cells = [total, *steps, total - sum(steps), peer]
            ratio = _ratio(wall)
            print(
                f"{profile:<9} {' '.join(f'{cell:>9.1f}' for cell in cells)} "
                f"{_ratio(cpu):>9.2f} {ratio:>6.2f}  "
                f">= {target:g}: {'met' if ratio >= target else 'MISSED'}"
            )


def _steps(body: bytes, rounds: int) -> list[float]:
    """CPU milliseconds of each of `STEPS`, the median over the rounds."""
    taken = []
    scoring()
    for _ in range(rounds):
        laps = [time.thread_time()]
        batch = parse_body(RewardRequest, body)
        laps.append(time.thread_time())
        scorer = scoring().scorer(batch.profile)
        scores = score_by_rules(scorer, batch.samples)
        laps.append(time.thread_time())
        metrics.record(scorer, batch, scores, NO_RUN)
        laps.append(time.thread_time())
        orjson.dumps(reward_reply(scorer, batch.samples, scores, batch.detail))
        laps.append(time.thread_time())
        taken.append([(after - before) * 1e3 for before, after in pairwise(laps)])
    return [statistics.median(step) for step in zip(*taken, strict=True)]


def _ratio(taken: list[list[float]]) -> float:
    """How much longer the second subject takes than the first: the median over the rounds."""
    own, theirs = taken
    return statistics.median(long / short for short, long in zip(own, theirs, strict=True))


def _request(client: httpx.Client, profile: str, batch: Samples) -> list[float]:
    reply = client.post("/reward", content=request(profile, batch))
    reply.raise_for_status()
    rewards: list[float] = orjson.loads(reply.content)["rewards"]
    return rewards


def _peer(batch: Samples) -> list[float]:
    return [re_reward(text, labels) for text, labels in batch]


def _take_turns(
    rounds: int, server: Server, *subjects: Callable[[], object]
) -> tuple[list[list[float]], list[list[float]]]:
    """Wall and CPU seconds of each subject in each round."""
    wall: list[list[float]] = [[] for _ in subjects]
    cpu: list[list[float]] = [[] for _ in subjects]
    for round_ in range(rounds + 1):
        for number, subject in enumerate(subjects):
            began, used = time.perf_counter(), _cpu_seconds(server)
            subject()
            if round_:  # the first one warms up
                wall[number].append(time.perf_counter() - began)
                cpu[number].append(_cpu_seconds(server) - used)
    return wall, cpu


def _cpu_seconds(server: Server) -> float:
    return time.process_time() + sum(server.cpu_seconds().values())


def growth(server: Server, largest: int) -> None:
    """Milliseconds by batch size and length; doubling either should at most double them."""
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
                ask = partial(_request, client, "official", samples(size, length, "official"))
                wall, _ = _take_turns(5, server, ask)
                cells.append(f"{min(wall[0]) * 1e3:>10.2f}")
            print(f"{size:>8} " + " ".join(cells))
