"""EasyR1's form of a reward function."""

import json
from typing import Any

import pytest

from app.rows import LabelError
from tests.train_client.integrations.conftest import TAGS
from tests.train_client.service import Service
from train_client.config.errors import ConfigError
from train_client.integrations.for_easyr1 import REWARD_TYPE, main
from train_client.reward.errors import RewardUnavailable


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


def test_the_users_text_stands_beside_the_labels(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    main([row("ab", json.dumps({**TAGS, "instruction": "May I?"})), row("abc")])
    assert [sample["prompt"] for sample in service.requests[0]["samples"]] == ["May I?", ""]
    assert not caplog.records


def test_a_run_without_the_users_texts_is_warned_of_once(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        main([row("ab"), row("abc")])
    (warning,) = caplog.messages
    assert "Give the text as `instruction` beside the labels" in warning


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"foo": [1]}, "foo is no known key; allowed here: url, .*, fallback"),
        ({"fallbak": 0}, "fallbak is no known key; did you mean fallback"),
        ({"url": [1]}, r"reward\.url: "),
        ({"fallback": "zero"}, "fallback must be a number"),
        ({"fallback": [1]}, "fallback must be a number"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_is_sent(
    service: Service, wrong: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        main([row("ab")], **wrong)
    assert not service.requests


def test_without_a_reward_it_raises_unless_a_value_was_chosen(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train_client.integrations.rewards.RETRIES", 1)
    service.reward = lambda text: None if text == "lost" else 1.0
    with pytest.raises(RewardUnavailable):
        main([row("lost"), row("won")])
    assert [score["overall"] for score in main([row("lost"), row("won")], fallback=0.0)] == [
        0.0,
        1.0,
    ]
    monkeypatch.setenv("SAFEGRPO_REWARD_FALLBACK", "0.5")
    assert [score["overall"] for score in main([row("lost"), row("won")])] == [0.5, 1.0]
