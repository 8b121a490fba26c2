"""verl's forms of a reward function."""

import asyncio
import json
from typing import Any

import pytest

from app.rows import LabelError
from tests.train_client.integrations.conftest import TAGS
from tests.train_client.service import Service
from train_client.config.errors import ConfigError
from train_client.integrations.for_verl import (
    compute_score,
    compute_score_batch,
    compute_score_blocking,
)
from train_client.reward.errors import RewardUnavailable


def test_samples_asked_one_by_one_travel_together(service: Service) -> None:
    async def rollout() -> list[dict[str, float]]:
        asked = (compute_score("s", "x" * n, json.dumps(TAGS), {}) for n in range(1, 21))
        return await asyncio.gather(*asked)

    scores = asyncio.run(rollout())
    assert [score["score"] for score in scores] == list(map(float, range(1, 21)))
    assert len(service.requests) <= 3


def test_every_form_gives_the_same_numbers_under_the_same_keys(service: Service) -> None:
    single = asyncio.run(compute_score("s", "ab", TAGS, {"index": 3}, reward_router_address="r"))
    assert single == {
        "score": 2.0,
        "tag": 0.5,
        "behavior": 1.5,
        "raw_tag": 2.0,
        "raw_behavior": 2.0,
        "unscored": 0.0,
    }
    assert compute_score_blocking("s", "ab", TAGS) == single
    assert compute_score_batch(["s"], ["ab"], [TAGS], [{}]) == [single]


@pytest.mark.parametrize(
    ("ground_truth", "extra"), [("", TAGS), (None, {"labels": TAGS}), (TAGS, None)]
)
def test_labels_are_in_the_ground_truth_or_the_extra_columns(
    service: Service, ground_truth: Any, extra: Any
) -> None:
    assert compute_score_blocking("s", "ab", ground_truth, extra)["score"] == 2.0


def test_the_users_text_is_an_extra_column_or_else_beside_the_labels(service: Service) -> None:
    beside = json.dumps({**TAGS, "instruction": "And I?"})
    for extra in ({"instruction": "May I?"}, {"instruction": None}, {}):
        compute_score_blocking("s", "ab", TAGS, extra)
        compute_score_blocking("s", "ab", beside, extra)
    asked = [request["samples"][0]["prompt"] for request in service.requests]
    assert asked == ["May I?", "May I?", "", "And I?", "", "And I?"]


def test_a_run_without_the_users_texts_is_warned_of_once(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    compute_score_blocking("s", "ab", TAGS, {"instruction": "May I?"})
    assert not caplog.records
    compute_score_blocking("s", "ab", TAGS)
    compute_score_batch(["s"], ["ab"], [TAGS], [{}])
    asyncio.run(compute_score("s", "ab", TAGS))
    (warning,) = caplog.messages
    assert "Give the text as `instruction` beside the labels" in warning


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"foo": [1]}, "foo is no known key; allowed here: url, .*, fallback"),
        ({"fallback": "zero"}, "fallback must be a number"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_is_sent(
    service: Service, wrong: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        asyncio.run(compute_score("s", "ab", TAGS, **wrong))
    with pytest.raises(ConfigError, match=says):
        compute_score_blocking("s", "ab", TAGS, **wrong)
    assert not service.requests


@pytest.mark.parametrize(
    ("ground_truth", "named"), [("safe", "`ground_truth` is not JSON"), (None, "no `image_tag`")]
)
def test_missing_labels_are_named(service: Service, ground_truth: Any, named: str) -> None:
    with pytest.raises(LabelError, match=named):
        asyncio.run(compute_score("s", "ab", ground_truth, {}))


def test_without_a_reward_it_raises_unless_a_value_was_chosen(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train_client.integrations.rewards.RETRIES", 1)
    service.reward = lambda text: None
    with pytest.raises(RewardUnavailable, match="choose a reward for such samples"):
        asyncio.run(compute_score("s", "ab", TAGS))
    assert len(service.requests) == 2
    score = asyncio.run(compute_score("s", "ab", TAGS, fallback=0.25))
    assert (score["score"], score["tag"], score["unscored"]) == (0.25, 0.0, 1.0)
    monkeypatch.setenv("SAFEGRPO_REWARD_FALLBACK", "0.5")
    assert asyncio.run(compute_score("s", "ab", TAGS))["score"] == 0.5
    assert compute_score_blocking("s", "ab", TAGS)["score"] == 0.5
    assert compute_score_blocking("s", "ab", TAGS, fallback=0.25)["score"] == 0.25


def test_a_service_that_stays_away_raises_unless_a_value_was_chosen(service: Service) -> None:
    compute_score_blocking("s", "ab", TAGS, deadline=0.3)
    service.kill()
    with pytest.raises(RewardUnavailable, match="gives no rewards within"):
        compute_score_blocking("s", "ab", TAGS, deadline=0.3)
    score = compute_score_blocking("s", "ab", TAGS, deadline=0.3, fallback=0.0)
    assert (score["score"], score["unscored"]) == (0.0, 1.0)
    service.start()


def test_one_that_has_never_answered_raises_whatever_was_chosen(service: Service) -> None:
    """A run at a wrong address would be trained on rewards that nobody gave."""
    service.kill()
    with pytest.raises(RewardUnavailable, match=r"It never has answered: is reward\.url right\?"):
        compute_score_blocking("s", "ab", TAGS, deadline=0.3, fallback=0.0)
    service.start()
