"""How long the reward client waits for a service that is away, slow or silent."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from tests.train_client.asking import client, samples
from tests.train_client.service import Service
from train_client.reward.errors import RewardUnavailable


def test_a_killed_server_only_delays(service: Service) -> None:
    service.kill()
    timer = threading.Timer(1.0, service.start)
    timer.start()
    with client(service, deadline=20) as rewards:
        assert len(rewards.score(samples(5))) == 5
    timer.join()


def test_the_deadline_ends_the_waiting(service: Service) -> None:
    service.faults = [(503, {"Retry-After": "0"})] * 1000
    with client(service, deadline=0.6) as rewards:
        started = time.monotonic()
        with pytest.raises(RewardUnavailable, match=r"reward\.deadline=0\.6 s.*HTTP 503"):
            rewards.score(samples(1))
    assert time.monotonic() - started < 2


def test_a_service_that_goes_on_answering_is_not_given_up(service: Service) -> None:
    """However long it takes for all: a slow judge, many held-out rows, few requests at a time."""
    service.reward = lambda text: time.sleep(0.1) or 0.5
    with client(service, deadline=0.5, batch_size=1, in_flight=1) as rewards:
        assert len(rewards.score(samples(12))) == 12


def test_a_passing_trouble_does_not_make_the_wait_for_a_turn_count(service: Service) -> None:
    """What is asked for again waits behind all others, who get their rewards meanwhile."""
    service.reward = lambda text: time.sleep(0.1) or 0.5
    service.faults = [(503, {}), (503, {})]
    with client(service, deadline=0.8, batch_size=1, in_flight=2) as rewards:
        assert len(rewards.score(samples(24))) == 24


def test_many_requests_to_a_service_that_stops_answering_are_given_up_together(
    service: Service,
) -> None:
    """One after the other each would wait for its own deadline."""
    release = threading.Event()
    service.reward = lambda text: float(len(service.requests) < 4 or release.wait(20))
    with client(service, deadline=0.5, timeout=0.2, batch_size=1, in_flight=1) as rewards:
        started = time.monotonic()
        pending = [rewards.submit([sample]) for sample in samples(10)]
        for asked in pending[3:]:
            with pytest.raises(RewardUnavailable):
                asked.result(20)
    assert time.monotonic() - started < 3
    release.set()


def test_a_request_that_always_fails_is_given_up_whatever_others_get(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trainers that never pause would ask for it for ever."""
    monkeypatch.setattr("train_client.reward.retry.LONGEST_WAIT", 0.05)
    score = service.score
    failing: list[str] = []

    def poisoned(body: dict[str, Any]) -> dict[str, Any]:
        if body["samples"][0]["completion"] == "":
            failing.append("again")
            raise ConnectionError
        return score(body)

    service.score = poisoned  # type: ignore[method-assign]
    stop = time.monotonic() + 3
    with client(service, deadline=0.6, batch_size=1) as rewards:
        asked = rewards.submit(samples(1))
        while not asked.done() and time.monotonic() < stop:
            rewards.score(samples(3)[1:])
        with pytest.raises(RewardUnavailable):
            asked.result(timeout=0)
    assert len(failing) > 1


def test_an_answer_that_takes_too_long_is_asked_for_again(service: Service) -> None:
    times = iter([0.8])
    service.reward = lambda text: time.sleep(next(times, 0)) or 0.5
    with client(service, timeout=0.3) as rewards:
        assert [result.reward for result in rewards.score(samples(1))] == [0.5]
    assert len(service.requests) == 2


def test_a_service_that_never_answers_is_given_up_at_the_deadline(service: Service) -> None:
    release = threading.Event()
    service.reward = lambda text: float(release.wait(20))
    started = time.monotonic()
    with (
        client(service, deadline=0.5, timeout=20) as rewards,
        pytest.raises(RewardUnavailable, match=r"reward\.deadline=0\.5 s.*no answer"),
    ):
        rewards.score(samples(1))
    assert time.monotonic() - started < 10
    release.set()


def test_a_service_that_falls_silent_is_reported_with_what_it_said_before(
    service: Service,
) -> None:
    release = threading.Event()
    service.reward = lambda text: float(len(service.requests) == 1 or release.wait(20))
    service.faults = [(503, {})]
    with (
        client(service, deadline=1, timeout=20) as rewards,
        pytest.raises(RewardUnavailable, match="last problem: no answer; before that: HTTP 503"),
    ):
        rewards.score(samples(1))
    release.set()


def test_a_retry_after_beyond_the_deadline_ends_at_once(service: Service) -> None:
    service.faults = [(503, {"Retry-After": "3600"})]
    with client(service) as rewards, pytest.raises(RewardUnavailable) as stopped:
        rewards.score(samples(1))
    assert str(stopped.value).endswith("(last problem: HTTP 503, to be asked again after 3600 s).")
