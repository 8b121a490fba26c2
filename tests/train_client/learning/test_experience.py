"""Groups of results as tensors: what was not scored is masked, weights must name components."""

from __future__ import annotations

import pytest

from app.schema import Labels, Result
from train_client.config.errors import ConfigError
from train_client.config.sections import AlgorithmConfig
from train_client.data.examples import Example
from train_client.learning.experience import (
    Completion,
    Experience,
    Group,
    as_tensors,
    counted,
    gather_rewards,
)

SAFE = Labels(visual="safe", text="safe", combined="safe")


def result(tag: float | None, behavior: float = 0.5) -> Result:
    lost = tag is None
    return Result(
        id=None,
        status="service_error" if lost else "ok",
        reward=None if tag is None else tag + behavior,
        components={} if lost else {"behavior": behavior, "tag": tag},
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


def test_the_service_is_asked_about_a_group_by_its_place() -> None:
    asked = group(1.0, 0.0).samples("3.0.1")
    assert [sample.id for sample in asked] == ["p/3.0.1/0", "p/3.0.1/1"]
    assert {sample.group for sample in asked} == {"p/3.0.1"}
    assert {sample.prompt for sample in asked} == {"x"}


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


def test_a_weight_of_what_is_always_0_is_told_apart() -> None:
    groups = [group(0.0, 0.0, None)]
    assert gather_rewards(groups, {"tag": 2.0, "behavior": 1.0}).zero_components == ["tag"]
    assert gather_rewards(groups, {"tag": 0.0, "behavior": 1.0}).zero_components == []
    assert gather_rewards(groups, None).zero_components == []
    assert gather_rewards([group(1.0, 0.0)], {"tag": 2.0}).zero_components == []
    assert gather_rewards([group(None)], {"tag": 2.0}).zero_components == []
    nothing = group(0.0)
    nothing.completions[0].result = result(0.0, behavior=0.0)
    assert gather_rewards([nothing], {"tag": 2.0}).zero_components == []


def test_the_spread_is_over_the_groups_with_two_scores() -> None:
    groups = [group(1.0, 0.0), group(1.0, 1.0), group(0.25, None)]
    assert gather_rewards(groups, None).spread() == {"reward_std": pytest.approx(0.5**0.5 / 2)}
    assert gather_rewards(groups[2:], None).spread() == {}


def test_gdpo_learns_from_groups_whose_components_differ_though_their_sums_do_not() -> None:
    same, balanced = group(0.5, 0.5), group(0.5, 0.5)
    balanced.completions[1].result = result(0.25, behavior=1.0)
    rewards = gather_rewards([same, balanced], {"tag": 1.0, "behavior": 0.5})
    for combine, informative in (("sum", [False, False]), ("gdpo", [False, True])):
        config = AlgorithmConfig.model_validate({"combine": combine})
        assert rewards.informative(config).tolist() == informative
        assert (rewards.advantages(config).abs().amax(1) > 0.1).tolist() == informative
    unweighted = gather_rewards([same, balanced], {"tag": 0.0, "behavior": 0.0})
    assert not unweighted.informative(AlgorithmConfig(combine="gdpo")).any()


def test_gdpo_teaches_no_component_that_has_no_weight() -> None:
    config = AlgorithmConfig(combine="gdpo")
    differing = group(0.5, 0.25)
    assert not gather_rewards([differing], {"behavior": 1.0}).informative(config).any()
    differing.completions[1].result = result(0.25, behavior=1.0)
    for weighted, better in (("tag", 0), ("behavior", 1)):
        (found,) = gather_rewards([differing], {weighted: 1.0}).advantages(config).tolist()
        assert found[better] > 0.1 > -0.1 > found[1 - better]


@pytest.mark.parametrize("combine", ["sum", "gdpo"])
def test_a_batch_that_lost_every_sample_teaches_nothing(combine: str) -> None:
    groups = [group(None, None)]
    config = AlgorithmConfig.model_validate({"combine": combine})
    rewards = gather_rewards(groups, None)
    found = as_tensors(groups, 0)
    found.count(counted(groups, rewards, config), rewards.advantages(config).flatten())
    assert not found.mask_RT.any()
    assert found.advantages_R.tolist() == [0.0, 0.0]


def test_unscored_and_cut_completions_do_not_count() -> None:
    """A cut one still counts in the baseline: without it the first had nothing to compare with."""
    groups = [group(1.0, None, 0.0, finished=False)]
    rewards = gather_rewards(groups, None)

    def tensors(config: AlgorithmConfig) -> Experience:
        found = as_tensors(groups, 9)
        found.count(counted(groups, rewards, config), rewards.advantages(config).flatten())
        return found

    found = tensors(AlgorithmConfig())
    assert found.tokens_RT.tolist() == [[5, 9, 9], [5, 5, 9], [5, 5, 5]]
    assert found.mask_RT.sum(1).tolist() == [1, 0, 3]
    masked = tensors(AlgorithmConfig(mask_truncated=True))
    assert masked.mask_RT.sum(1).tolist() == [1, 0, 0]
    assert masked.advantages_R.tolist() == pytest.approx([0.5**0.5, 0, -(0.5**0.5)], abs=1e-4)
