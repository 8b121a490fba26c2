"""The service's process: its counts, its life after being killed, and its end."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from app.schema import Labels, Sample
from train_client.config.sections import RewardConfig
from train_client.reward.client import RewardClient
from train_client.world.service import Count, RewardService, RunningService, ServiceError

SAFE = Labels(visual="safe", text="safe", combined="safe")
GOOD = (
    "<visual>A knife.\nsafe</visual><text>To cut.\nsafe</text>"
    "<combined>Both together.\nsafe</combined>"
    "<answer>Sure, here is how: start slowly.</answer>"
)


def test_counts_what_it_scored_and_comes_back_when_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # of the cluster, for the world outside
    samples = [Sample(id=str(n), completion=GOOD if n else "", labels=SAFE) for n in range(4)]
    with RewardService(tmp_path / "log") as service:
        assert service.count() == Count()
        with RewardClient(RewardConfig(url=service.url), run="test") as rewards:
            rewards.score(samples)
            assert service.count().agrees(Count(4, 3.0))
            killed = service.pid
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            results = rewards.score(samples)
        assert [result.reward for result in results] == [0.0, 1.0, 1.0, 1.0]
        assert service.pid != killed
        assert service.restarts == 1
        url, last = service.url, service.pid
    monkeypatch.delenv("HTTP_PROXY")
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url}/healthz")
    assert last is not None
    with pytest.raises(ProcessLookupError):
        os.kill(last, 0)


def test_a_service_that_cannot_start_is_said_so_with_its_log(tmp_path: Path) -> None:
    started = time.monotonic()
    with (
        pytest.raises(ServiceError, match="exited during its start"),
        RewardService(tmp_path / "log", profile="no-such-profile"),
    ):
        raise AssertionError("it started")
    assert time.monotonic() - started < 30
    assert "no-such-profile" in (tmp_path / "log").read_text()


def test_sigterm_ends_the_service_too(tmp_path: Path) -> None:
    """Before the run begins as well, which then notes the signal itself."""
    before = signal.getsignal(signal.SIGTERM)
    service = RewardService(tmp_path / "log")
    with pytest.raises(SystemExit) as ended, service:
        signal.raise_signal(signal.SIGTERM)
    assert ended.value.code == 143
    assert service.pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(service.pid, 0)
    assert signal.getsignal(signal.SIGTERM) == before


def test_counts_differ_by_number_or_by_mean() -> None:
    assert Count(2, 1.0).agrees(Count(2, 1.0 + 1e-9))
    assert not Count(2, 1.0).agrees(Count(3, 1.5))
    assert not Count(2, 1.0).agrees(Count(2, 1.1))


def test_of_a_running_service_only_this_runs_samples_count(tmp_path: Path) -> None:
    samples = [Sample(id=str(n), completion=GOOD, labels=SAFE) for n in range(3)]
    with (
        RewardService(tmp_path / "log") as service,
        RewardClient(RewardConfig(url=service.url), run="test") as rewards,
    ):
        rewards.score(samples)
        with RunningService(service.url) as running:
            assert running.count() == Count()
            rewards.score(samples[:2])
            assert running.count().agrees(Count(2, 2.0))
            assert running.restarts == 0
            assert service.pid is not None
            os.kill(service.pid, signal.SIGKILL)
            rewards.score(samples)
            assert running.restarts == 1
            assert running.count().agrees(Count(3, 3.0))


def test_rewards_below_zero_count_too(tmp_path: Path) -> None:
    profile = tmp_path / "penalising.yaml"
    profile.write_text(
        "name: penalising\nrelease: 1.0.0\nstructure: strict\ndialect: tags\n"
        "instruction: tags.txt\nstance: {detector: rules}\n"
        "extras: {overlong: {limit: 4000, buffer: 2000, weight: 0.5}}\n"
    )
    samples = [Sample(id=str(n), completion=GOOD if n else "x" * 5000, labels=SAFE) for n in (0, 1)]
    with (
        RewardService(tmp_path / "log", profile=str(profile)) as service,
        RewardClient(RewardConfig(url=service.url, profile="penalising"), run="test") as rewards,
        RunningService(service.url, "penalising") as running,
    ):
        rewards.score(samples)
        assert running.count().agrees(Count(2, 1.0 - 0.5))


def test_a_url_without_a_service_is_said_so() -> None:
    with (
        pytest.raises(ServiceError, match="is the reward service there"),
        RunningService("http://127.0.0.1:1"),
    ):
        raise AssertionError("it was there")
