"""A large batch over HTTP, JSON both ways, beside the `re` peer on the same completions in process.

`x re` is of wall time, and `x re CPU` of the processor time that client and server take together,
which other programs on the machine disturb less. The steps are the server's own word (the header
Server-Timing); transport is the rest: writing the request, HTTP both ways, reading the reply.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial

import httpx
import orjson

from benchmarks.bodies import Samples, request, samples
from benchmarks.peers import re_reward
from benchmarks.serving import Server

SIZE = 2_048
CHARACTERS = 4_000
TARGETS = {"official": 3.0, "paper": 1.0}
STEPS = ("queue", "parse", "score", "serialise")


def measure(server: Server, rounds: int) -> None:
    """Print the table, a profile a row."""
    print(f"{SIZE} completions of {CHARACTERS} characters, one worker, one connection; ms")
    print(
        f"{'profile':<9} {'HTTP':>6} "
        + " ".join(f"{step:>9}" for step in (*STEPS, "transport"))
        + f" {'re peer':>8} {'x re':>6} {'x re CPU':>9}  target"
    )
    with httpx.Client(base_url=server.url, timeout=600) as client:
        for profile, target in TARGETS.items():
            batch = samples(SIZE, CHARACTERS, profile)
            steps: list[dict[str, float]] = []
            subjects = partial(_asked, client, profile, batch, steps), partial(_peer, batch)
            wall, cpu = _take_turns(rounds, server, *subjects)
            took = statistics.median(wall[0])
            own = [statistics.median(one[step] for one in steps) for step in STEPS]
            cells = [took * 1e3, *own, took * 1e3 - sum(own)]
            ratio = _ratio(wall)
            print(
                f"{profile:<9} {cells[0]:>6.0f} "
                + " ".join(f"{cell:>9.1f}" for cell in cells[1:])
                + f" {statistics.median(wall[1]) * 1e3:>8.0f} {ratio:>6.2f} {_ratio(cpu):>9.2f}  "
                f">= {target:g}: {'met' if ratio >= target else 'MISSED'}"
            )


def _ratio(taken: list[list[float]]) -> float:
    """How much longer the second subject takes than the first: the median over the rounds."""
    return statistics.median(theirs / own for own, theirs in zip(*taken, strict=True))


def _asked(
    client: httpx.Client, profile: str, batch: Samples, steps: list[dict[str, float]]
) -> list[float]:
    reply = client.post("/reward", content=request(profile, batch))
    reply.raise_for_status()
    parts = (part.split(";dur=") for part in reply.headers["server-timing"].split(", "))
    steps.append({name: float(took) for name, took in parts})
    rewards: list[float] = orjson.loads(reply.content)["rewards"]
    return rewards


def _peer(batch: Samples) -> list[float]:
    return [re_reward(text, labels) for text, labels in batch]


def _take_turns(
    rounds: int, server: Server, *subjects: Callable[[], object]
) -> tuple[list[list[float]], list[list[float]]]:
    """Wall and processor seconds of each subject in each round."""
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
                ask = partial(_asked, client, "official", samples(size, length, "official"), [])
                wall, _ = _take_turns(5, server, ask)
                cells.append(f"{min(wall[0]) * 1e3:>10.2f}")
            print(f"{size:>8} " + " ".join(cells))
