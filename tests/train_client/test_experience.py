"""Groups of results as tensors: what was not scored is masked, weights must name components."""

from __future__ import annotations

import pytest
import torch

from app.schema import Labels, Result
from train_client.config import AlgorithmConfig, ConfigError
from train_client.data import Example
from train_client.experience import Completion, Group, as_tensors, gather_rewards

SAFE = Labels(visual="safe", text="safe", combined="safe")


def result(tag: float | None) -> Result:
    lost = tag is None
    return Result(
        id=None,
        status="service_error" if lost else "ok",
        reward=None if tag is None else tag + 0.5,
        components={} if lost else {"behavior": 0.5, "tag": tag},
        raw={},
        verdicts=None,
        stance=None,
        failure=None,
    )


def group(*tags: float | None, finished: bool = True) -> Group:
    rows = [
        Completion([5] * (place + 1), [-1.0] * (place + 1), finished or place == 0, "", result(tag))
        for place, tag in enumerate(tags)
    ]
    return Group(Example("p", "x", SAFE), rows)


def test_the_reward_is_the_services_unless_weights_are_given() -> None:
    groups = [group(1.0, 0.0), group(0.25, None)]
    plain = gather_rewards(groups, None)
    assert plain.names == ["behavior", "tag"]
    assert plain.rewards_PG.tolist() == [[1.5, 0.5], [0.75, 0.0]]
    assert plain.scored_PG.tolist() == [[True, True], [True, False]]
    assert gather_rewards(groups, {"tag": 2.0}).rewards_PG.tolist() == [[2.0, 0.0], [0.5, 0.0]]


def test_a_weight_must_name_a_component() -> None:
    with pytest.raises(ConfigError, match="names taag; the service gives behavior, tag"):
        gather_rewards([group(1.0, 0.0)], {"taag": 1.0})


@pytest.mark.parametrize("combine", ["sum", "gdpo"])
def test_a_batch_that_lost_every_sample_teaches_nothing(combine: str) -> None:
    groups = [group(None, None)]
    config = AlgorithmConfig.model_validate({"combine": combine})
    found = as_tensors(groups, gather_rewards(groups, None), config, pad=0)
    assert not found.mask_RT.any()
    assert found.advantages_R.tolist() == [0.0, 0.0]


def test_unscored_and_cut_completions_do_not_count() -> None:
    groups = [group(1.0, None, 0.0, finished=False)]
    rewards = gather_rewards(groups, None)
    found = as_tensors(groups, rewards, AlgorithmConfig(), pad=9)
    assert found.tokens_RT.tolist() == [[5, 9, 9], [5, 5, 9], [5, 5, 5]]
    assert found.mask_RT.sum(1).tolist() == [1, 0, 3]
    masked = as_tensors(groups, rewards, AlgorithmConfig(mask_truncated=True), pad=9)
    assert masked.mask_RT.sum(1).tolist() == [1, 0, 0]
    assert torch.equal(masked.advantages_R, found.advantages_R)
