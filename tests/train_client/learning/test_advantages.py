"""Group advantages: the definition, and that an unscored completion is not a zero."""

from __future__ import annotations

import statistics

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train_client.config.sections import Scale
from train_client.learning.advantages import advantages, gdpo_advantages, informative_groups

REWARDS = torch.tensor([[1.0, 0.5, 0.0, 0.75], [0.2, 0.2, 0.2, 0.2], [0.0, 0.0, 0.0, 1.0]])
ALL = torch.ones(3, 4, dtype=torch.bool)


EPS = 1e-6


def by_hand(rows: list[list[float | None]], scale: Scale = "group") -> list[list[float]]:
    every = [r for row in rows for r in row if r is not None]
    found = []
    for row in rows:
        known = [r for r in row if r is not None]
        if len(known) < 2:
            found.append([0.0] * len(row))
            continue
        mean = statistics.mean(known)
        divisor = 1.0
        if scale != "none":
            divisor = statistics.stdev(known if scale == "group" else every) + EPS
        found.append([0.0 if r is None else (r - mean) / divisor for r in row])
    return found


rewards = st.one_of(st.none(), st.floats(0, 1, width=32))


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
@given(st.lists(st.lists(rewards, min_size=4, max_size=4), min_size=1, max_size=5))
def test_advantages_are_their_definition(scale: Scale, rows: list[list[float | None]]) -> None:
    scored = torch.tensor([[r is not None for r in row] for row in rows])
    values = torch.tensor([[r or 0.0 for r in row] for row in rows], dtype=torch.float64)
    found = advantages(values, scored, scale)
    assert torch.allclose(found, torch.tensor(by_hand(rows, scale)), atol=1e-4)


def test_an_unscored_completion_moves_no_baseline() -> None:
    with_hole = advantages(torch.tensor([[1.0, 0.0, 0.5]]), torch.tensor([[True, True, False]]))
    without = advantages(torch.tensor([[1.0, 0.0]]), torch.ones(1, 2, dtype=torch.bool))
    assert with_hole[0, 2] == 0
    assert torch.equal(with_hole[:, :2], without)
    as_zero = advantages(torch.tensor([[1.0, 0.0, 0.0]]), torch.ones(1, 3, dtype=torch.bool))
    assert not torch.allclose(with_hole[:, :2], as_zero[:, :2])


def test_a_group_with_one_score_learns_nothing() -> None:
    scored = torch.tensor([[True, False, False]])
    assert advantages(torch.tensor([[1.0, 0.0, 0.0]]), scored).abs().max() == 0


@pytest.mark.parametrize("reward", [0.1, 0.3, 0.7, 0.9])
def test_equal_rewards_have_no_advantage_however_they_round(reward: float) -> None:
    """In float32 the mean of seven times 0.7 is not 0.7, and so small a deviation would divide."""
    rewards, scored = torch.full((1, 7), reward), torch.ones(1, 7, dtype=torch.bool)
    assert advantages(rewards, scored).abs().max() <= 1e-6


@pytest.mark.parametrize("scale", ["group", "batch"])
def test_a_spread_far_below_eps_is_hardly_an_advantage(scale: Scale) -> None:
    found = advantages(torch.tensor([[0.0, EPS / 10]]), torch.ones(1, 2, dtype=torch.bool), scale)
    assert found.tolist() == [pytest.approx(by_hand([[0.0, EPS / 10]], scale)[0], rel=1e-3)]
    assert found.abs().max() < 0.05


def test_gdpo_hears_a_quiet_component() -> None:
    """A component with a hundredth of the spread counts as much as the loud one."""
    loud = torch.tensor([[1.0, 0.0, 1.0, 0.0]])
    quiet = torch.tensor([[0.01, 0.01, 0.0, 0.0]])
    scored = torch.ones(1, 4, dtype=torch.bool)
    found = gdpo_advantages(torch.stack([loud, quiet]), scored, torch.ones(2))[0]
    assert found[1] == pytest.approx(float(found[2]), abs=1e-3)
    assert found[0] > found[1] > found[3]
    assert float(found.std()) == pytest.approx(1, abs=1e-3)


def gdpo_by_hand(components: list[list[list[float]]], weights: list[float]) -> list[float]:
    """Normalise each component in its group, add up by weight, normalise over the batch."""
    total = [0.0] * sum(len(group) for group in components[0])
    for component, weight in zip(components, weights, strict=True):
        normal = [value for row in by_hand([list(g) for g in component]) for value in row]
        total = [t + weight * value for t, value in zip(total, normal, strict=True)]
    mean, std = statistics.mean(total), statistics.stdev(total)
    return [(t - mean) / (std + EPS) for t in total]


@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0], [0.5, 2.0, 0.0]])
def test_gdpo_is_its_definition_and_its_weights_count(weights: list[float]) -> None:
    components = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(1))
    scored = torch.ones(4, 5, dtype=torch.bool)
    found = gdpo_advantages(components, scored, torch.tensor(weights)).flatten()
    assert found.tolist() == pytest.approx(gdpo_by_hand(components.tolist(), weights), abs=1e-4)


def test_gdpo_leaves_out_what_was_not_scored() -> None:
    components = torch.tensor([[[0.9, 0.2, 0.5]], [[0.1, 0.0, 0.7]]])
    found = gdpo_advantages(components, torch.tensor([[True, True, False]]), torch.ones(2))[0]
    assert found.tolist() == pytest.approx([0.5**0.5, -(0.5**0.5), 0.0], abs=1e-4)
    alone = gdpo_advantages(components, torch.tensor([[True, False, False]]), torch.ones(2))
    assert not alone.any()


def test_equal_rewards_are_no_information() -> None:
    assert informative_groups(REWARDS, ALL).tolist() == [True, False, True]
    hidden = ALL.clone()
    hidden[2, 3] = False
    assert informative_groups(REWARDS, hidden).tolist() == [True, False, False]
    assert not informative_groups(REWARDS, torch.zeros_like(ALL)).any()
