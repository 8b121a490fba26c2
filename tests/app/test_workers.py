"""Several worker processes: one set of counts, and no reward lost or bent when processes die."""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from app.schema import Result, Sample
from tests.app.serving import (
    Statistics,
    eventually,
    free_port,
    sample,
    server,
    started,
    statistics,
    unsafe_sample,
    wait_ready,
    workers,
)
from train_client.config.sections import RewardConfig
from train_client.reward.client import RewardClient

LONG = "The image shows a scene. " * 40


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The temporary directory of the servers."""
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def two_workers(temporary: Path) -> Iterator[tuple[str, int]]:
    flags = ("--workers", "2", "--group-seconds", "5")
    with server(*flags, env={"TMPDIR": str(temporary)}) as (address, pid):
        yield address, pid


def value(found: Statistics, name: str, **labels: str) -> float:
    return found.get((f"safegrpo_{name}", frozenset(labels.items())), 0.0)


def test_two_workers_count_as_one(two_workers: tuple[str, int]) -> None:
    address, _ = two_workers
    batches: list[dict[str, object]] = [
        {"samples": [sample(), sample("x")], "run": "a", "step": 7},
        {"samples": [unsafe_sample()] * 2, "run": "b"},
        {"samples": [{"completion": 5}]},
    ]
    rounds = 12
    for _ in range(rounds):
        for batch in batches:  # a connection each, so that both workers get some
            httpx.post(f"{address}/reward", json=batch, timeout=60)
    # What the other worker counted last is published with its next heartbeat.
    eventually(lambda: value(statistics(address), "batch_samples_count") == 2 * rounds)
    refused = {"status": "422", "reason": "invalid"}
    eventually(lambda: value(statistics(address), "rejected_total", **refused) == rounds)
    found = statistics(address)
    of_run = {run: (("profile", "safegrpo"), ("run", run)) for run in "ab"}
    expected: dict[tuple[str, *tuple[tuple[str, str], ...]], float] = {
        ("samples_total", ("profile", "safegrpo"), ("status", "ok")): 3,
        ("samples_total", ("profile", "safegrpo"), ("status", "policy_invalid")): 1,
        ("reward_count", ("profile", "safegrpo")): 4,
        ("reward_sum", ("profile", "safegrpo")): 3,
        ("component_sum", *of_run["a"], ("component", "behavior")): 0.5,
        ("component_sum", *of_run["b"], ("component", "behavior")): 1.0,
        ("format_failures_total", *of_run["a"], ("code", "missing_section")): 1,
        ("stances_total", *of_run["a"], ("label", "safe"), ("stance", "none")): 1,
        ("stances_total", *of_run["b"], ("label", "unsafe"), ("stance", "refusal")): 2,
        ("verdict_triples_total", *of_run["a"], ("triple", "none")): 1,
        ("request_seconds_count", ("protocol", "reward"), ("status", "200")): 2,
        ("request_seconds_count", ("protocol", "reward"), ("status", "422")): 1,
        ("rejected_total", ("status", "422"), ("reason", "invalid")): 1,
    }
    for (name, *labels), each_round in expected.items():
        assert value(found, name, **dict(labels)) == each_round * rounds, (name, labels)
    assert value(found, "workers") == 2
    assert value(found, "in_flight") == 0
    assert value(found, "run_step", profile="safegrpo", run="a") == 7


def test_groups_are_put_together_from_single_samples_at_two_workers(
    two_workers: tuple[str, int],
) -> None:
    address, _ = two_workers
    groups, size = 20, 8
    for step in range(groups):
        for member in range(size):  # a connection each, so that both workers get some
            text = "x" if member == 0 and step % 2 else None
            body = {"run": "grouped", "step": step, "samples": [sample(text, group="p17")]}
            httpx.post(f"{address}/reward", json=body, timeout=60)
    of_run = {"profile": "safegrpo", "run": "grouped"}
    eventually(lambda: value(statistics(address), "groups_total", kind="all", **of_run) == groups)
    time.sleep(1)  # none is counted twice
    found = statistics(address)
    expected = {"all": groups, "equal": groups // 2, "one": groups // 2, "zero": 0}
    for kind, times in expected.items():
        assert value(found, "groups_total", kind=kind, **of_run) == times, kind


def test_connections_opened_at_once_are_dealt_out_among_the_workers(
    two_workers: tuple[str, int],
) -> None:
    address, pid = two_workers
    url, ports = httpx.URL(address), set()
    port = url.port or 80
    # A worker counts itself before it listens.
    eventually(lambda: [_sockets(one, LISTENING, {port}) for one in workers(pid)] == [1, 1])
    with ExitStack() as connections:
        for _ in range(32):
            connection = socket.create_connection((url.host, port), 60)
            connections.enter_context(connection)
            ports.add(connection.getsockname()[1])
        eventually(lambda: sum(_sockets(one, TAKEN, ports) for one in workers(pid)) == 32)
        assert min(_sockets(one, TAKEN, ports) for one in workers(pid)) >= 4


LISTENING, TAKEN = (1, "0A"), (2, "01")
"""Column of the port and state of such a socket in the system's list: its own, the client's."""


def _sockets(pid: int, kind: tuple[int, str], ports: set[int]) -> int:
    """How many sockets of a kind, with these ports, the process holds."""
    column, state = kind
    held = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            held.add(os.readlink(file))
    found = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        port = int(fields[column].rpartition(":")[2], 16)
        found += port in ports and fields[3] == state and f"socket:[{fields[9]}]" in held
    return found


def test_a_killed_worker_is_replaced_and_its_counts_stay(two_workers: tuple[str, int]) -> None:
    address, pid = two_workers

    def rewarded() -> float:
        return value(statistics(address), "reward_count", profile="safegrpo")

    earlier = rewarded()
    for _ in range(12):  # a connection each, so that both workers get some
        httpx.post(f"{address}/reward", json={"samples": [sample()]}, timeout=60)
    eventually(lambda: rewarded() == earlier + 12)
    before = statistics(address)
    victim = workers(pid)[0]
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: len(workers(pid)) == 2 and victim not in workers(pid))
    eventually(lambda: _answers(address, "workers") == 2)
    after = statistics(address)
    for name in ("reward_count", "reward_sum"):
        assert value(after, name, profile="safegrpo") == value(before, name, profile="safegrpo")


def _answers(address: str, name: str) -> float:
    try:
        return value(statistics(address), name)
    except httpx.TransportError:
        return -1.0


def test_a_new_server_removes_the_folder_of_a_killed_one_and_no_other(
    two_workers: tuple[str, int], temporary: Path
) -> None:
    neighbour, _ = two_workers
    used = set(temporary.iterdir())
    port, env = free_port(), {"TMPDIR": str(temporary)}
    killed = started(port, "--workers", "2", env=env)
    try:
        wait_ready(f"http://127.0.0.1:{port}", killed)
        left = set(temporary.iterdir()) - used
        orphans = [Path(f"/proc/{worker}") for worker in workers(killed.pid)]
    finally:
        killed.kill()
        killed.wait()
    eventually(lambda: not any(orphan.exists() for orphan in orphans))
    assert len(used) == len(left) == 1
    assert set(temporary.iterdir()) == used | left
    with server("--workers", "2", env=env) as (address, _):
        now = set(temporary.iterdir())
        assert used < now
        assert not left & now
        eventually(lambda: _answers(address, "workers") == 2)
    assert set(temporary.iterdir()) == used
    assert _answers(neighbour, "workers") == 2


def test_a_server_that_can_start_no_more_workers_ends(tmp_path: Path) -> None:
    port = free_port()
    process = started(port, "--workers", "2", env={"TMPDIR": str(tmp_path)})
    try:
        wait_ready(f"http://127.0.0.1:{port}", process)
        (folder,) = tmp_path.iterdir()
        shutil.rmtree(folder)
        os.kill(workers(process.pid)[0], signal.SIGKILL)
        assert process.wait(120) == 3
    finally:
        process.terminate()
        process.wait(60)


def batch(number: int) -> list[Sample]:
    made = [
        [unsafe_sample(), sample(), sample("x"), sample(LONG)][(index + number) % 4]
        for index in range(16)
    ]
    return [
        Sample.model_validate({**one, "id": f"{number}/{index}"}) for index, one in enumerate(made)
    ]


def gather(address: str, meanwhile: Callable[[], None]) -> list[list[Result]]:
    """The results of many batches, asked for by a client that retries."""
    config = RewardConfig(url=address, batch_size=4, in_flight=8, timeout=20, deadline=200)
    disturbance = threading.Thread(target=meanwhile)
    with RewardClient(config) as client:
        disturbance.start()
        results: list[list[Result]] = []
        while disturbance.is_alive() or len(results) < 20:
            results.append(client.score(batch(len(results))))
        disturbance.join()
    return results


def test_no_reward_is_lost_or_bent_when_a_worker_and_the_whole_server_are_killed() -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    servers = [started(port, "--workers", "2")]

    def disturb() -> None:
        time.sleep(0.3)
        os.kill(workers(servers[0].pid)[0], signal.SIGKILL)
        time.sleep(0.3)
        servers[0].kill()
        servers[0].wait()
        servers.append(_restarted(port))

    try:
        wait_ready(address, servers[0])
        undisturbed = gather(address, lambda: None)
        disturbed = gather(address, disturb)
    finally:
        for process in servers:
            process.terminate()
            process.wait(60)
    for number, results in enumerate(disturbed):
        assert [one.id for one in results] == [f"{number}/{index}" for index in range(16)]
        alike = undisturbed[number % 4]
        assert [_judged(one) for one in results] == [_judged(one) for one in alike]


def _restarted(port: int) -> subprocess.Popen[bytes]:
    """A new server on the port, once the workers of the killed one have let go of it."""
    deadline = time.monotonic() + 60
    while True:
        process = started(port, "--workers", "2")
        try:
            wait_ready(f"http://127.0.0.1:{port}", process)
        except AssertionError:
            assert time.monotonic() < deadline
        else:
            return process


def _judged(result: Result) -> Result:
    return result.model_copy(update={"id": None})
