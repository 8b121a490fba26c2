"""EasyR1's form of a reward function."""

import json

import pytest

from app.rows import LabelError
from tests.train_client.integrations.conftest import TAGS
from tests.train_client.service import Service
from train_client.integrations.for_easyr1 import REWARD_TYPE, main
from train_client.reward_client import RewardUnavailable


def row(response: str, ground_truth: str = json.dumps(TAGS)) -> dict[str, object]:
    return {"response": response, "response_length": len(response), "ground_truth": ground_truth}


def test_a_batch_is_one_request_and_its_scores_are_numbers(service: Service) -> None:
    assert REWARD_TYPE == "batch"
    scores = main([row("ab"), row("abc")])
    assert [score["overall"] for score in scores] == [2.0, 3.0]
    assert all(isinstance(value, float) for score in scores for value in score.values())
    assert set(scores[0]) == set(scores[1])
    assert len(service.requests) == 1


def test_missing_labels_are_named(service: Service) -> None:
    with pytest.raises(LabelError, match="`ground_truth` has no `combined`"):
        main([row("ab", json.dumps({"visual": "safe", "text": "safe"}))])


def test_without_a_reward_it_raises_unless_a_value_was_chosen(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train_client.integrations.rewards.TRIES", 1)
    service.reward = lambda text: None if text == "lost" else 1.0
    with pytest.raises(RewardUnavailable):
        main([row("lost"), row("won")])
    assert [score["overall"] for score in main([row("lost"), row("won")], fallback=0.0)] == [
        0.0,
        1.0,
    ]
