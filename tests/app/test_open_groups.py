"""Groups are put together from all requests to all workers, and each is counted once."""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import open_groups
from app.open_groups import OpenGroups, Settled
from app.schema import Labels, RewardRequest, Sample
from rules import labels
from rules.profile import load_profile
from rules.reward import Scorer
from tests.rules.completions import completion, unsafe

SCORER = Scorer(load_profile("safegrpo"))
LABELS = labels.Labels("safe", "safe", "safe")
SAFE = Labels(visual="safe", text="safe", combined="safe")
GOOD, WRONG, BROKEN = completion(), unsafe(), "x"
QUIET = 10.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def quiet(self, *workers: OpenGroups, seconds: float = QUIET) -> None:
        """Time passes after a heartbeat of the workers, which finds no group complete."""
        assert [settled for groups in workers for settled in groups.settled()] == []
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(open_groups, "time", clock)
    return clock


@pytest.fixture
def groups(clock: Clock) -> Iterator[OpenGroups]:
    groups = OpenGroups(QUIET)
    yield groups
    groups.close()


def add(
    groups: OpenGroups, *texts: str, group: str | None = "g", run: str = "r", step: int | None = 1
) -> None:
    samples = [Sample(completion=text, labels=SAFE, group=group) for text in texts]
    batch = RewardRequest(samples=samples, run=run, step=step)
    scores = [SCORER.score(text, LABELS) for text in texts]
    groups.add("safegrpo", run, batch, scores)


def kinds(settled: list[Settled]) -> list[list[str]]:
    return [list(one.group.kinds()) for one in settled]


def test_a_group_counts_when_nothing_of_it_has_arrived_for_a_while(
    groups: OpenGroups, clock: Clock
) -> None:
    add(groups, GOOD)
    clock.quiet(groups, seconds=QUIET - 1)
    add(groups, GOOD)
    clock.quiet(groups, seconds=QUIET - 1)
    clock.quiet(groups, seconds=1)
    (settled,) = groups.settled()
    assert (settled.profile, settled.run, settled.group.members) == ("safegrpo", "r", 2)
    clock.quiet(groups)
    assert groups.settled() == []


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([GOOD], []),
        ([GOOD, GOOD], ["all", "equal", "one", "constant_verdicts"]),
        ([GOOD, WRONG, GOOD], ["all"]),
        ([WRONG, BROKEN, WRONG], ["all", "equal", "zero"]),
        ([BROKEN, WRONG, WRONG], ["all", "equal", "zero"]),
    ],
)
def test_parts_add_up_as_if_they_had_come_together(
    groups: OpenGroups, clock: Clock, texts: list[str], expected: list[str]
) -> None:
    for text in texts:
        add(groups, text)
        clock.quiet(groups, seconds=1)
        add(groups, text, group="between heartbeats")
    add(groups, *texts, group="at once")
    clock.quiet(groups)
    assert kinds(groups.settled()) == [expected] * 3


def test_a_prompt_has_a_group_in_each_run_and_step(groups: OpenGroups, clock: Clock) -> None:
    for run, step in [("a", 1), ("a", 2), ("b", 1), ("b", None)]:
        add(groups, GOOD, WRONG, run=run, step=step)
    clock.quiet(groups)
    assert sorted(one.run for one in groups.settled()) == ["a", "a", "b", "b"]


def test_samples_without_a_group_are_in_none(groups: OpenGroups, clock: Clock) -> None:
    add(groups, GOOD, GOOD, group=None)
    clock.quiet(groups)
    assert groups.settled() == []


def test_workers_share_the_groups_and_each_is_returned_to_one_of_them(
    clock: Clock, tmp_path: Path
) -> None:
    one, other = OpenGroups(QUIET, tmp_path / "groups"), OpenGroups(QUIET, tmp_path / "groups")
    add(one, GOOD)
    add(other, WRONG)
    clock.quiet(one, other)
    assert kinds(other.settled() + one.settled()) == [["all"]]
    one.close()
    other.close()


def test_of_too_many_groups_the_ones_that_are_quiet_longest_count_at_once(
    groups: OpenGroups, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_groups, "MOST", 3)
    for run in "abc":
        add(groups, GOOD, GOOD, run=run)
        clock.quiet(groups, seconds=0.1)
    add(groups, GOOD, GOOD, run="d")
    add(groups, GOOD, GOOD, run="e")
    assert sorted(one.run for one in groups.settled()) == ["a", "b"]


def test_what_cannot_be_written_because_another_worker_writes_is_written_later(
    clock: Clock, tmp_path: Path
) -> None:
    groups = OpenGroups(QUIET, tmp_path / "groups")
    writing = sqlite3.connect(tmp_path / "groups", isolation_level=None)
    writing.execute("BEGIN IMMEDIATE")
    add(groups, GOOD)
    assert groups.settled() == []
    writing.execute("COMMIT")
    writing.close()
    add(groups, GOOD)
    clock.quiet(groups)
    (settled,) = groups.settled()
    assert settled.group.members == 2
    groups.close()


def test_a_table_that_cannot_be_used_is_told_and_stops_nothing(
    clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    groups = OpenGroups(QUIET, tmp_path / "groups")
    (tmp_path / "groups").write_bytes(b"no table" * 1024)
    add(groups, GOOD)
    with caplog.at_level(logging.ERROR):
        assert groups.settled() == []
    assert "groups could not be counted: SQLITE_" in caplog.text
    groups.close()


def test_requests_in_many_threads_lose_no_sample(groups: OpenGroups, clock: Clock) -> None:
    def send() -> None:
        for _ in range(100):
            add(groups, BROKEN)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert groups.settled() == []
    clock.quiet(groups)
    (settled,) = groups.settled()
    assert settled.group.members == 400
