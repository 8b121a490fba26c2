"""A person who stops a run waits for no sampling and no service, and loses no whole step."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from tests.train_client.ranks import Rule
from tests.train_client.runs import exact, settings, train
from tests.train_client.service import Service
from train_client.data.examples import Example
from train_client.policy.policy import Policy
from train_client.reward.client import RewardClient
from train_client.rollout.rollout import LocalEngine, Rollout
from train_client.run.interrupt import Stop
from train_client.run.train import Trainer


def test_a_run_asked_to_stop_while_it_evaluates_makes_no_step(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    def evaluate(stop: Stop) -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGTERM)
        return {}

    outcome = train(settings(tmp_path, service.url), policy, examples, evaluate=evaluate)
    assert (outcome.finished, outcome.steps, outcome.status) == (False, 0, 143)
    assert outcome.checkpoint == tmp_path / "checkpoints/step-0"
    assert not service.requests


class Interrupted(LocalEngine):
    """A person presses Ctrl-C while it samples."""

    def generate(self, *arguments: Any) -> Rollout:
        os.kill(os.getpid(), signal.SIGINT)
        return super().generate(*arguments)


def test_sampling_stops_at_once_and_the_step_is_done_again(
    tmp_path: Path,
    service: Service,
    policy: Policy,
    twin: Policy,
    examples: list[Example],
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = settings(tmp_path / "broken", service.url, rollout={"max_tokens": 30})
    engine = Interrupted(policy.model, policy.eos_ids, policy.pad_id)
    outcome = train(config, policy, examples, engine=engine)
    assert (outcome.finished, outcome.steps, outcome.reason) == (False, 0, "Stopped on request.")
    assert outcome.status == 130
    assert not service.requests
    assert caplog.text.count("Stopping at the next safe point") == 1

    config.run.resume = True
    assert train(config, policy, examples).finished
    whole = settings(tmp_path / "whole", service.url, rollout={"max_tokens": 30})
    train(whole, twin, examples)
    assert exact(tmp_path / "broken") == exact(tmp_path / "whole")


def test_a_person_can_stop_a_run_that_waits_for_rewards(
    tmp_path: Path,
    service: Service,
    policy: Policy,
    examples: list[Example],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = threading.Event()
    presses = iter([signal.SIGINT])

    def stuck(text: str) -> float:
        for press in presses:
            os.kill(os.getpid(), press)
        return float(release.wait(20))

    service.reward = stuck
    config = settings(tmp_path, service.url)
    open_requests: list[Future[Any]] = []
    with RewardClient(config.reward) as rewards:
        submit = rewards.submit

        def watched(*arguments: Any) -> Future[Any]:
            open_requests.append(submit(*arguments))
            return open_requests[-1]

        monkeypatch.setattr(rewards, "submit", watched)
        outcome = Trainer(config, policy, examples, rewards, engine=Rule()).run()
    release.set()
    assert (outcome.finished, outcome.steps, outcome.reason) == (False, 0, "Stopped on request.")
    assert [request.cancelled() for request in open_requests] == [True]
