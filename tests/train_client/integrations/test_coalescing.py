"""Calls made one by one travel together, and each gets its own answer."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest

from app.schema import Labels, Sample
from tests.train_client.service import Service
from train_client.config.sections import RewardConfig
from train_client.integrations.coalescing import CoalescingClient
from train_client.reward.errors import RewardRejected, RewardUnavailable, RewardVersionChanged

LABELS = Labels(visual="safe", text="safe", combined="safe")


def sample(length: int) -> Sample:
    return Sample(completion="x" * length, labels=LABELS)


@contextmanager
def client(service: Service, **settings: object) -> Iterator[CoalescingClient]:
    config = RewardConfig.model_validate({"url": service.url, **settings})
    with closing(CoalescingClient(config)) as made:
        yield made


def test_calls_of_many_threads_are_few_requests_and_each_gets_its_own(service: Service) -> None:
    with client(service) as rewards, ThreadPoolExecutor(32) as pool:
        asked = list(pool.map(lambda length: rewards.ask([sample(length)]), range(1, 201)))
        assert [future.result(20)[0].reward for future in asked] == list(map(float, range(1, 201)))
    assert sum(len(request["samples"]) for request in service.requests) == 200
    assert len(service.requests) < 100
    assert max(len(request["samples"]) for request in service.requests) <= 64


def test_calls_of_one_event_loop_after_the_other_use_one_client(service: Service) -> None:
    async def step(rewards: CoalescingClient) -> list[float | None]:
        asked = (asyncio.wrap_future(rewards.ask([sample(n)])) for n in (1, 2, 3))
        return [results[0].reward for results in await asyncio.gather(*asked)]

    with client(service) as rewards:
        for _ in range(3):
            assert asyncio.run(step(rewards)) == [1.0, 2.0, 3.0]
    assert len(service.requests) <= 6


def test_no_more_requests_are_open_than_allowed(service: Service) -> None:
    held, most, lock = [0], [0], threading.Lock()

    def slow(text: str) -> float:
        with lock:
            held[0] += 1
            most[0] = max(most[0], held[0])
        threading.Event().wait(0.01)
        with lock:
            held[0] -= 1
        return 1.0

    service.reward = slow
    with client(service, batch_size=1, in_flight=2) as rewards:
        for future in [rewards.ask([sample(1)]) for _ in range(20)]:
            future.result(20)
    assert most[0] <= 2


def test_a_call_about_nothing_is_answered(service: Service) -> None:
    with client(service) as rewards:
        assert rewards.ask([]).result(5) == []


def test_a_refused_sample_fails_its_own_call_alone(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train_client.integrations.coalescing.WINDOW", 0.2)
    service.faults = [(422, {}), (422, {})]
    with client(service) as rewards:
        calls = [rewards.ask([sample(n)]) for n in (1, 2, 3)]
        errors = [call.exception(20) for call in calls]
    assert sum(isinstance(error, RewardRejected) for error in errors) == 1
    assert [error for error in errors if error is None] == [None, None]


def test_a_key_that_is_refused_is_not_tried_for_each_call(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train_client.integrations.coalescing.WINDOW", 0.2)
    service.faults = [(401, {})] * 4
    with client(service) as rewards:
        calls = [rewards.ask([sample(n)]) for n in (1, 2, 3)]
        assert all(isinstance(call.exception(20), RewardRejected) for call in calls)
    assert len(service.faults) == 3


def test_what_cannot_be_scored_is_asked_for_again(service: Service) -> None:
    answers = iter([None, None, 0.5])
    service.reward = lambda text: next(answers) if len(text) == 1 else 1.0
    with client(service) as rewards:
        results = rewards.ask([sample(2), sample(1)], retries=5).result(20)
    assert [result.reward for result in results] == [1.0, 0.5]
    assert [len(request["samples"]) for request in service.requests] == [2, 1, 1]


def test_a_service_that_stays_away_raises_or_leaves_samples_out(service: Service) -> None:
    with client(service, deadline=0.3) as rewards:
        rewards.ask([sample(1)]).result(20)
        service.kill()
        with pytest.raises(RewardUnavailable):
            rewards.ask([sample(1)]).result(20)
        (result,) = rewards.ask([sample(1)], mask_unavailable=True).result(20)
    assert (result.reward, result.status) == (None, "service_error")
    service.start()


def test_one_that_has_never_answered_raises_in_any_case(service: Service) -> None:
    service.kill()
    with client(service, deadline=0.3) as rewards, pytest.raises(RewardUnavailable, match="never"):
        rewards.ask([sample(1)], mask_unavailable=True).result(20)
    service.start()


def test_samples_left_out_have_the_components_of_those_that_were_scored(service: Service) -> None:
    """Whatever the profile's are: trainers want the same keys for all samples."""
    with client(service, deadline=0.3) as rewards:
        (first,) = rewards.ask([sample(1)]).result(20)
        service.kill()
        (left_out,) = rewards.ask([sample(1)], mask_unavailable=True).result(20)
    assert list(left_out.components) == list(first.components) == ["tag", "behavior"]
    assert list(left_out.raw) == list(first.raw)
    service.start()


def test_a_service_that_goes_away_takes_no_reward_back(service: Service) -> None:
    def reward(text: str) -> float | None:
        if len(service.requests) > 1:
            service.faults = [(503, {})] * 100
        return 1.0 if len(text) > 1 else None

    service.reward = reward
    with client(service, deadline=0.3) as rewards:
        results = rewards.ask([sample(2), sample(1)], retries=2, mask_unavailable=True).result(20)
    assert [result.reward for result in results] == [1.0, None]


def test_a_changed_reward_is_never_masked(service: Service) -> None:
    with client(service) as rewards:
        rewards.ask([sample(1)]).result(20)
        service.version = "test-2"
        with pytest.raises(RewardVersionChanged):
            rewards.ask([sample(1)], retries=2, mask_unavailable=True).result(20)
