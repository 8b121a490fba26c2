"""The demo's evaluation counts what the service scored, and nothing else."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.train_client.service import Service
from tests.train_client.world.conftest import pair_of
from train_client.config.sections import RewardConfig
from train_client.policy.policy import Policy
from train_client.reward.client import RewardClient
from train_client.reward.errors import RewardError
from train_client.run.interrupt import Stop
from train_client.world import evaluation
from train_client.world.evaluation import ROWS, WorldEvaluation
from train_client.world.rules import Rules
from train_client.world.split import split_pairs


def test_every_held_out_pair_is_evaluated_and_no_other(rules: Rules) -> None:
    pairs = [pair_of(example.id) for example in evaluation.held_out_examples(rules, 3)]
    assert Counter(pairs) == dict.fromkeys(split_pairs(rules)[1], 3)


def test_completions_that_could_not_be_scored_are_no_zeros(
    untrained: Policy, rules: Rules, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "SCENES_PER_PAIR", 1)
    monkeypatch.setattr(evaluation, "SKILL_QUESTIONS", 2)
    turn = iter(range(1000))
    service.reward = lambda text: None if next(turn) % 3 == 0 else 1.0
    with RewardClient(RewardConfig(url=service.url)) as rewards:
        judge = WorldEvaluation(untrained, rewards, rules, max_tokens=3)
        found = judge()
        asked = sum(len(request["samples"]) for request in service.requests)
        assert 0 < judge.count.completions == judge.count.reward_sum < asked
        assert found["raw/behavior"] == found["reward"] == 1.0
        assert ROWS.keys() <= found.keys()

        service.reward = lambda text: None
        with pytest.raises(RewardError, match="none of the held-out completions"):
            judge()


def test_every_part_of_it_stops_when_a_person_asks(
    untrained: Policy, rules: Rules, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each looks at `stop` itself, when it can stop."""
    looking: list[Any] = []

    def spy(name: str) -> None:
        does = getattr(evaluation, name)

        def noted(*arguments: Any, stop: Stop, **settings: Any) -> Any:
            looking.append((name, stop))
            return does(*arguments, stop=stop, **settings)

        monkeypatch.setattr(evaluation, name, noted)

    spy("complete")
    spy("score_completions")
    monkeypatch.setattr(evaluation, "SCENES_PER_PAIR", 1)
    monkeypatch.setattr(evaluation, "SKILL_QUESTIONS", 2)
    with RewardClient(RewardConfig(url=service.url)) as rewards:
        WorldEvaluation(untrained, rewards, rules, max_tokens=3)(asked := lambda: False)
    assert looking == [("complete", asked), ("score_completions", asked), ("complete", asked)]
