"""ms-swift: its plugin import, its registry and the function that scores a batch."""

from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from swift.rewards import orms
from swift.rl_core.advantage import compute_advantages
from swift.rl_core.data import GRPOSample
from swift.rl_core.grpo_algorithm import compute_rewards_per_func
from swift.utils import import_external_file

import train_client.integrations
from contracts.conftest import address
from tests.app.protocols.services import UNSCORABLE
from tests.rules.completions import unsafe
from train_client.reward.errors import RewardUnavailable

PLUGIN = Path(train_client.integrations.__path__[0]) / "for_ms_swift.py"
TAGS = {"image_tag": "safe", "text_tag": "safe", "combine_tag": "unsafe"}


def score(monkeypatch: pytest.MonkeyPatch, service: httpx.Client, *texts: str) -> torch.Tensor:
    """One column for the reward, one for the raw format, as its trainers compute them."""
    monkeypatch.setenv("SAFEGRPO_REWARD_URL", address(service))
    import_external_file(str(PLUGIN))
    samples = [
        GRPOSample.from_row(
            {
                "messages": [
                    {"role": "user", "content": "May I?"},
                    {"role": "assistant", "content": text},
                ],
                **TAGS,
            }
        )
        for text in texts
    ]
    functions: list[Any] = [orms["safegrpo"](), orms["safegrpo_raw_format"]()]
    scores: torch.Tensor = compute_rewards_per_func(
        samples, functions, [None, None], torch.device("cpu")
    )
    return scores


def test_the_plugin_scores_step_after_step_each_under_a_new_event_loop(
    monkeypatch: pytest.MonkeyPatch, service: httpx.Client
) -> None:
    for _ in range(3):
        scored = score(monkeypatch, service, unsafe(), "no")
        assert scored.tolist() == [[1.0, 1.0], [0.0, 0.0]]


def test_what_could_not_be_scored_raises_unless_a_value_was_chosen(
    monkeypatch: pytest.MonkeyPatch, judgeless: httpx.Client
) -> None:
    monkeypatch.setenv("SAFEGRPO_REWARD_PROFILE", "judged")
    monkeypatch.setenv("SAFEGRPO_REWARD_DEADLINE", "2")
    with pytest.raises(RewardUnavailable):
        score(monkeypatch, judgeless, unsafe(), UNSCORABLE)
    monkeypatch.setenv("SAFEGRPO_REWARD_FALLBACK", "nan")
    scored = score(monkeypatch, judgeless, unsafe(), UNSCORABLE)
    assert scored[0].tolist() == [1.0, 1.0]
    assert torch.isnan(scored[1]).all()


def test_a_missing_reward_counts_as_zero_in_its_advantages() -> None:
    """Why the plugin raises. When this fails, ms-swift masks them, and None would be right."""
    rewards = torch.tensor([[1.0], [float("nan")]])
    _, summed = compute_advantages(rewards, torch.ones(1), num_generations=2)
    assert summed.tolist() == [1.0, 0.0]
