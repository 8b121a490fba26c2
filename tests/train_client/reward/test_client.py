"""The reward client against a real server that misbehaves."""

from __future__ import annotations

import gc
import pickle
import threading
import time
from collections.abc import Callable

import pytest

from tests.train_client.asking import client, samples
from tests.train_client.service import Service
from train_client.config.errors import ConfigError
from train_client.config.sections import RewardConfig
from train_client.reward.async_client import batched
from train_client.reward.client import RewardClient
from train_client.reward.errors import (
    RewardError,
    RewardRejected,
    RewardVersionChanged,
)


def test_results_align_with_samples_over_many_batches(service: Service) -> None:
    service.reward = lambda text: len(text) / 100
    started = time.monotonic()
    with client(service, batch_size=7, in_flight=3) as rewards:
        results = rewards.score(samples(50), step=4)
        assert started < rewards.last_reply < time.monotonic()
    assert [r.reward for r in results] == [i / 100 for i in range(50)]
    assert [r.id for r in results] == [str(i) for i in range(50)]
    assert len(service.requests) == 8
    assert {body["step"] for body in service.requests} == {4}
    assert service.keys == [None] * 8


def test_no_more_requests_are_open_than_the_configuration_allows(service: Service) -> None:
    counting, now, seen = threading.Lock(), 0, []

    def reward(text: str) -> float:
        nonlocal now
        with counting:
            now += 1
            seen.append(now)
        time.sleep(0.05)
        with counting:
            now -= 1
        return 1.0

    service.reward = reward
    with client(service, batch_size=1, in_flight=3) as rewards:
        rewards.score(samples(12))
    assert 1 < max(seen) <= 3


def test_the_service_is_told_the_profile_and_the_run(service: Service) -> None:
    config = RewardConfig(url=service.url, profile="tags_only")
    with RewardClient(config, run="exp-12") as rewards:
        assert rewards.profile().name == "tags_only"
        rewards.score(samples(1))
    (body,) = service.requests
    assert (body["profile"], body["run"]) == ("tags_only", "exp-12")


def test_no_samples_are_no_request(service: Service) -> None:
    with client(service) as rewards:
        assert rewards.score([]) == []
    assert service.requests == []


def test_groups_stay_together() -> None:
    sizes = [[s.group for s in batch] for batch in batched(samples(20, group=4), 10)]
    assert [len(batch) for batch in sizes] == [8, 8, 4]
    assert [len(batch) for batch in batched(samples(20, group=20), 8)] == [8, 8, 4]


def test_samples_of_no_group_fill_up_what_a_group_left() -> None:
    alone = [sample.model_copy(update={"group": None}) for sample in samples(10)]
    assert [len(batch) for batch in batched([*samples(5, group=5), *alone], 8)] == [8, 7]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_passing_troubles_are_waited_out(service: Service, status: int) -> None:
    service.faults = [(status, {}), (status, {})]
    with client(service) as rewards:
        assert rewards.score(samples(3))[0].reward is not None


def test_waiting_for_the_service_is_told_once(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.faults = [(503, {})] * 3
    with client(service) as rewards:
        rewards.score(samples(1))
    assert caplog.text.count("Waiting for the reward service") == 1


def test_retry_after_is_honoured(service: Service) -> None:
    service.faults = [(429, {"Retry-After": "1"})]
    started = time.monotonic()
    with client(service) as rewards:
        rewards.score(samples(1))
    assert time.monotonic() - started >= 1


def test_a_reply_that_cannot_be_decoded_is_asked_for_again(service: Service) -> None:
    """As a proxy sends that mixes up its encodings."""
    service.faults = [(200, {"Content-Encoding": "gzip"})]
    with client(service) as rewards:
        assert rewards.score(samples(1))[0].reward is not None


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422, 425])
def test_a_refusal_is_not_repeated_and_says_why(service: Service, status: int) -> None:
    service.faults = [(status, {})]
    with client(service) as rewards, pytest.raises(RewardRejected, match=r"Not this.*sample 0"):
        rewards.score(samples(1))
    assert len(service.requests) == 1


def test_a_refusal_that_names_its_problem_names_it_once(service: Service) -> None:
    service.error = "samples[0].labels of sample 0: is wrong, so nothing was scored."
    service.faults = [(422, {})]
    with client(service) as rewards, pytest.raises(RewardRejected) as refused:
        rewards.score(samples(1))
    assert str(refused.value).endswith(f"HTTP 422: {service.error}")


def test_a_lost_sample_has_no_reward_rather_than_zero(service: Service) -> None:
    service.reward = lambda text: None if len(text) == 1 else 0.0
    with client(service) as rewards:
        assert [r.reward for r in rewards.score(samples(3))] == [0.0, None, 0.0]


def test_a_changed_version_is_an_error(service: Service) -> None:
    with client(service) as rewards:
        assert rewards.profile().version == "test-1"
        rewards.score(samples(1))
        service.version = "test-2"
        with pytest.raises(RewardVersionChanged, match="was test-1 and is now test-2"):
            rewards.score(samples(1))


def test_a_resumed_run_insists_on_its_version(service: Service) -> None:
    with client(service) as rewards:
        rewards.expect("test-0")
        with pytest.raises(RewardVersionChanged, match="was test-0 and is now test-1"):
            rewards.score(samples(1))


def test_a_resumed_run_names_its_own_version_first(service: Service) -> None:
    with client(service) as rewards:
        rewards.profile()
        with pytest.raises(RewardVersionChanged, match="was test-0 and is now test-1"):
            rewards.expect("test-0")


def test_a_run_resumed_with_another_profile_names_the_setting(service: Service) -> None:
    service.version = "safegrpo-1.2.0+b"
    with client(service, profile="safegrpo") as rewards:
        rewards.profile()
        told = r"was paper-1.1.0\+a and is now safegrpo-1.2.0\+b, .*Set reward\.profile=paper,"
        with pytest.raises(RewardVersionChanged, match=told):
            rewards.expect("paper-1.1.0+a")


def test_a_run_resumed_from_before_its_first_reward_insists_on_what_it_has_seen_since(
    service: Service,
) -> None:
    with client(service) as rewards:
        rewards.profile()
        rewards.expect(None)
        service.version = "test-2"
        with pytest.raises(RewardVersionChanged, match="was test-1 and is now test-2"):
            rewards.score(samples(1))


def test_another_server_is_recognised(service: Service) -> None:
    service.raw = [b"<html>hello</html>"]
    with client(service) as rewards, pytest.raises(RewardError, match=r"Is reward\.url right"):
        rewards.score(samples(1))


def test_a_short_reply_is_an_error(service: Service) -> None:
    service.raw = [b'{"profile":"p","version":"test-1","rewards":[],"results":[]}']
    with client(service) as rewards, pytest.raises(RewardError, match="0 results for 2 samples"):
        rewards.score(samples(2))


def test_the_key_comes_from_the_environment(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REWARD_KEY", raising=False)
    with pytest.raises(ConfigError, match="REWARD_KEY, which is not set"):
        client(service, api_key_env="REWARD_KEY")
    monkeypatch.setenv("REWARD_KEY", "s\u00e9cret")
    with pytest.raises(ConfigError, match="REWARD_KEY has characters that no header") as refused:
        client(service, api_key_env="REWARD_KEY")
    assert "cret" not in str(refused.value)
    monkeypatch.setenv("REWARD_KEY", "secret\n")
    with client(service, api_key_env="REWARD_KEY") as rewards:
        rewards.score(samples(1))
    assert service.keys == ["Bearer secret"]


def test_submitting_does_not_wait(service: Service) -> None:
    release = threading.Event()
    reward: Callable[[str], float] = lambda text: float(release.wait(5))  # noqa: E731
    service.reward = reward
    with client(service) as rewards:
        pending = rewards.submit(samples(1))
        assert not pending.done()
        release.set()
        assert pending.result(5)[0].reward == 1.0


def test_closing_gives_up_what_is_still_being_asked(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.faults = [(503, {"Retry-After": "60"})]
    with client(service, deadline=100) as rewards:
        pending = rewards.submit(samples(1))
        while not service.requests:
            time.sleep(0.01)
    assert pending.cancelled()
    gc.collect()
    assert "was destroyed but it is pending" not in caplog.text


def test_a_client_that_refuses_its_settings_leaves_no_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("REWARD_KEY", raising=False)
    before = threading.active_count()
    with pytest.raises(ConfigError):
        RewardClient(RewardConfig(api_key_env="REWARD_KEY"))
    assert threading.active_count() == before


def test_a_refusal_reaches_another_process() -> None:
    refusal = pickle.loads(pickle.dumps(RewardRejected("no", 422)))
    assert (str(refusal), refusal.status) == ("no", 422)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_service_on_this_machine_is_asked_past_any_proxy(
    service: Service, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with client(service, url=f"http://{host}:{service.port}", deadline=5) as rewards:
        assert rewards.score(samples(1))[0].reward is not None
