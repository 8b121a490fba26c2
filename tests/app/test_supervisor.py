"""The supervisor, with workers that are made up."""

import signal
from multiprocessing import Pipe
from typing import Any

import pytest
import uvicorn

from app.supervisor import Supervisor

HUNG_SECONDS = 30


class Worker:
    """A worker process; it answers a ping only when told to."""

    def __init__(self, *_: Any) -> None:
        self.parent_conn, self.child_conn = Pipe()
        self.process = self
        self.alive = False
        self.exitcode: int | None = None
        self.waits: list[float | None] = []

    def start(self) -> None:
        self.alive = True

    def is_alive(self) -> bool:
        return self.alive

    def kill(self) -> None:
        self.alive = False

    def join(self, seconds: float | None = None) -> None:
        self.waits.append(seconds)

    def answer(self, started: bool = True) -> None:
        self.child_conn.recv()
        self.child_conn.send(started)

    def die(self, exitcode: int) -> None:
        self.alive, self.exitcode = False, exitcode


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("app.supervisor.monotonic", lambda: now[0])
    return now


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> Supervisor:
    monkeypatch.setattr("app.supervisor.Process", Worker)
    monkeypatch.setattr("uvicorn.supervisors.multiprocess.Process", Worker)
    monkeypatch.setattr("uvicorn.supervisors.multiprocess.SIGNALS", {})
    made = Supervisor(uvicorn.Config("x", workers=2), [], HUNG_SECONDS, stop_seconds=5)
    made.init_processes()
    return made


def test_a_worker_that_dies_is_replaced_while_another_one_starts(supervisor: Supervisor) -> None:
    starting, dead = supervisor.processes
    supervisor.keep_subprocess_alive()
    dead.kill()
    supervisor.keep_subprocess_alive()
    assert supervisor.processes[0] is starting
    assert supervisor.processes[1] is not dead
    assert supervisor.processes[1].process.is_alive()


def test_a_worker_is_stuck_when_it_does_not_answer_for_long(
    supervisor: Supervisor, clock: list[float]
) -> None:
    answering, stuck = supervisor.processes
    for _ in range(4):
        supervisor.keep_subprocess_alive()
        assert supervisor.processes == [answering, stuck]
        answering.answer()  # type: ignore[attr-defined]
        clock[0] += HUNG_SECONDS / 4
    supervisor.keep_subprocess_alive()
    assert supervisor.processes[0] is answering
    assert supervisor.processes[1] is not stuck


def test_a_worker_that_cannot_start_ends_the_server(
    supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor.processes[0].die(3)  # type: ignore[attr-defined]
    supervisor.keep_subprocess_alive()
    assert [vars(record)["event"] for record in caplog.records] == [{"exit_code": 3}]
    assert supervisor.should_exit.is_set()
    assert supervisor.failed


def test_workers_that_die_one_after_another_before_they_start_end_the_server(
    supervisor: Supervisor,
) -> None:
    for _ in range(3):
        assert not supervisor.failed
        first_worker_dies(supervisor, started=False)
    assert supervisor.failed


def test_a_worker_that_starts_makes_up_for_those_that_did_not(supervisor: Supervisor) -> None:
    for started in (False, False, True, False, False):
        first_worker_dies(supervisor, started)
    assert not supervisor.failed
    first_worker_dies(supervisor, started=False)
    assert supervisor.failed


def test_workers_that_die_after_they_have_started_are_replaced(supervisor: Supervisor) -> None:
    for _ in range(5):
        first_worker_dies(supervisor, started=True)
    assert not supervisor.should_exit.is_set()


def first_worker_dies(supervisor: Supervisor, started: bool) -> None:
    """It has told before whether it had started."""
    supervisor.keep_subprocess_alive()
    supervisor.processes[0].answer(started)  # type: ignore[attr-defined]
    supervisor.keep_subprocess_alive()
    supervisor.processes[0].die(1)  # type: ignore[attr-defined]
    supervisor.keep_subprocess_alive()


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP"])
def test_workers_that_end_with_the_server_are_not_replaced(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A terminal's Ctrl-C goes to the workers too, and so does its end."""
    monkeypatch.setattr("uvicorn.supervisors.multiprocess.SIGNALS", {1: name})
    before = list(supervisor.processes)
    before[0].die(0)  # type: ignore[attr-defined]
    supervisor.signal_queue.append(1)
    supervisor.handle_signals()
    supervisor.keep_subprocess_alive()
    assert supervisor.should_exit.is_set()
    assert supervisor.processes == before


def test_nohup_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    monkeypatch.setattr("uvicorn.supervisors.multiprocess.SIGNALS", {signal.SIGHUP: "HUP"})
    try:
        Supervisor(uvicorn.Config("x", workers=2), [], HUNG_SECONDS, stop_seconds=5)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_worker_that_does_not_end_in_time_is_killed(supervisor: Supervisor) -> None:
    first = supervisor.processes[0]
    supervisor.join_all()
    assert first.waits[0] == pytest.approx(5)  # type: ignore[attr-defined]
    assert not any(worker.process.is_alive() for worker in supervisor.processes)
