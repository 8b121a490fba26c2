"""How a step goes about its work, and what it warns of."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.train_client.ranks import Rule
from tests.train_client.runs import settings, train
from tests.train_client.service import Service
from train_client.data.examples import Example
from train_client.policy.policy import Policy
from train_client.report.metrics import read_metrics


def test_the_reference_pass_runs_while_rewards_arrive(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    """The service answers when it has run."""
    ran = threading.Event()
    assert policy.reference is not None
    policy.reference.register_forward_hook(lambda *_: ran.set())
    service.reward = lambda text: float(ran.wait(5))
    train(settings(tmp_path, service.url, run={"steps": 1}), policy, examples, engine=Rule())
    (line,) = read_metrics(tmp_path)
    assert line["reward"] == 1.0
    assert line["reward/tail_time"] > 0


def test_a_weight_of_what_is_always_0_is_told_once(
    tmp_path: Path,
    service: Service,
    policy: Policy,
    examples: list[Example],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    score = service.score

    def gated(body: dict[str, Any]) -> dict[str, Any]:
        reply = score(body)
        for result in reply["results"]:
            result["components"]["format"] = 0.0
        return reply

    monkeypatch.setattr(service, "score", gated)
    weighed = {"component_weights": {"tag": 1.0, "format": 1.0}}
    config = settings(tmp_path, service.url, run={"steps": 2}, algorithm=weighed)
    assert train(config, policy, examples, engine=Rule()).finished
    assert caplog.text.count("weighs format, which was 0 in every completion") == 1


@pytest.mark.parametrize("appended", [True, False])
def test_a_policy_that_never_writes_the_format_is_told_once_with_what_to_change(
    tmp_path: Path,
    service: Service,
    policy: Policy,
    examples: list[Example],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    appended: bool,
) -> None:
    score, service.reward = service.score, lambda text: 0.0

    def unreadable(body: dict[str, Any]) -> dict[str, Any]:
        reply = score(body)
        for result in reply["results"]:
            result["status"] = "policy_invalid"
        return reply

    monkeypatch.setattr(service, "score", unreadable)
    data = {"append_instruction": appended}
    config = settings(tmp_path, service.url, run={"steps": 2}, data=data)
    assert train(config, policy, examples, engine=Rule()).finished
    assert caplog.text.count("no completion has the profile's format") == 1
    assert f"set data.append_instruction={not appended}".lower() in caplog.text
