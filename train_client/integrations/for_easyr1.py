"""EasyR1: a batch reward function.

    worker.reward.reward_function=/path/to/train_client/integrations/for_easyr1.py:main
    worker.reward.reward_function_kwargs='{"url": "http://localhost:8700"}'
    data.answer_key=labels

EasyR1 passes neither the prompt nor other columns, so the answer column holds the three labels as
JSON text: `{"visual": "safe", "text": "safe", "combined": "unsafe"}`, or SafeTag's names; and as
`instruction` the user's text, without which completions are scored without their prompt; `group`
says which completions answer one prompt, for the service's statistics. EasyR1
logs the components by their names, and their raw values as `raw_…`.

EasyR1 has no missing rewards: samples that could not be scored are sent again, and if that does not
help the call raises, unless `fallback` (or SAFEGRPO_REWARD_FALLBACK) gives the reward to use. If
the service has never answered, the call always raises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.rows import read_ground_truth
from train_client.integrations.rewards import (
    fallback_given,
    numbers,
    reward_or_fallback,
    sample_of,
    shared_rewards,
    warn_without_prompts,
)

REWARD_NAME = "safegrpo"
REWARD_TYPE = "batch"


def main(
    reward_inputs: Sequence[Mapping[str, Any]], fallback: float | None = None, **settings: Any
) -> list[dict[str, float]]:
    """`overall` and the components of each completion.

    Raises:
        LabelError: a field holds no labels; the message names it.
        ConfigError: a setting cannot be used.
        RewardUnavailable: there is no reward, and no `fallback`; or the service never answered.
        RewardError: the service refused, or its reward changed during the run.
    """
    rewards, fallback = shared_rewards(settings), fallback_given(fallback)
    samples = [
        sample_of(row["response"], read_ground_truth(row["ground_truth"], "ground_truth"))
        for row in reward_inputs
    ]
    warn_without_prompts(samples)
    results = rewards.score_with_retries(samples, fallback).result()
    return [
        {"overall": reward_or_fallback(result, fallback), **numbers(result)} for result in results
    ]
