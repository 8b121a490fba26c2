"""Requests of one sample, the only kind that verl, slime and OpenRLHF send.

Wall time is meaningful on an idle machine only; on a shared one, compare the CPU time per request.
The servers take turns, a second each.
"""

import statistics
from collections.abc import Mapping
from contextlib import ExitStack

from benchmarks.bodies import request, samples
from benchmarks.load import Load, OverloadedError, flood, steady
from benchmarks.serving import Server, bare_service, naive_service, service, wrk

CHARACTERS = 1_000
TARGET = 3_000
"""Requests per second of one worker."""
P99_TARGET = 0.010


def measure(server: Server, rounds: int, seconds: float) -> None:
    """Print a table for each profile; `server` has one worker."""
    with ExitStack() as running:
        servers = {
            "HTTP alone": running.enter_context(bare_service()),
            "naive": running.enter_context(naive_service()),
            "1 worker": server,
            "2 workers": running.enter_context(service("--workers", "2")),
        }
        for profile in ("official", "safegrpo"):
            body = request(profile, samples(1, CHARACTERS, profile))
            loads = _take_turns(servers, body, rounds)
            print(
                f"\nrequests of one sample of {CHARACTERS} characters, profile {profile}, "
                f"by {'wrk' if wrk() else 'an asyncio client (wrk is not installed)'}"
            )
            _print_loads(loads)
            _print_latency(servers["1 worker"], body, loads["1 worker"], seconds)


def _take_turns(servers: Mapping[str, Server], body: bytes, rounds: int) -> dict[str, list[Load]]:
    loads: dict[str, list[Load]] = {name: [] for name in servers}
    for round_ in range(rounds + 1):
        for name, server in servers.items():
            load = flood(server, body, 1)
            if not round_:
                continue  # it warms up
            if not load.per_second:
                raise RuntimeError(f"{name}: no request was answered with 200")
            loads[name].append(load)
    return loads


def _print_loads(loads: Mapping[str, list[Load]]) -> None:
    """`x naive` is of requests a CPU second; `ours` the CPU time that is not HTTP's."""
    print(
        f"{'server':<11} {'requests/s':>11} {'CPU us each':>12} {'requests/CPU s':>15} "
        f"{'x naive':>8} {'ours':>6}  CPU by worker"
    )
    bare, naive = (_median(loads[name]) for name in ("HTTP alone", "naive"))
    for name, rounds in loads.items():
        cpu = _median(rounds)
        rate = statistics.median(load.per_second for load in rounds)
        shares = " ".join(f"{share:.0%}" for share in rounds[-1].shares)
        met = f"  >= {TARGET:,}/s: {_verdict(rate >= TARGET)}" if name == "1 worker" else ""
        print(
            f"{name:<11} {rate:>11,.0f} {cpu * 1e6:>12.0f} {1 / cpu:>15,.0f} "
            f"{naive / cpu:>8.2f} {1 - bare / cpu:>6.0%}  {shares}{met}"
        )


def _median(rounds: list[Load]) -> float:
    return statistics.median(load.cpu_seconds_each for load in rounds)


def _print_latency(server: Server, body: bytes, rounds: list[Load], seconds: float) -> None:
    rate = statistics.median(load.per_second for load in rounds) / 2
    try:
        latency = steady(server, body, rate, seconds)
    except OverloadedError as error:
        print(f"one worker at half load: {error}")
        return
    print(
        f"one worker at {rate:,.0f} requests/s: p50 {latency.median * 1e3:.2f} ms, "
        f"p99 {latency.p99 * 1e3:.2f} ms; p99 < {P99_TARGET * 1e3:g} ms: "
        f"{_verdict(latency.p99 < P99_TARGET)}"
    )


def _verdict(met: bool) -> str:
    return "met" if met else "MISSED"
