"""verl (tried with 0.9.1): a custom reward function.

    reward.custom_reward_function.path=pkg://train_client.integrations.for_verl
    reward.custom_reward_function.name=compute_score
    +reward.custom_reward_function.reward_kwargs.url=http://localhost:8700

Other reward managers need other functions: `compute_score_blocking` for
`reward.reward_manager.name=remote`, which refuses asynchronous functions; `compute_score_batch` for
the legacy manager `batch`. For GDPO add
`algorithm.adv_estimator=gdpo '+algorithm.gdpo_reward_keys=[tag,behavior]'
reward.reward_manager.name=gdpo`.

`ground_truth` of the data set's `reward_model` holds the three labels, an object or JSON text; or
`extra_info` has the columns `image_tag, text_tag, combine_tag`. The user's text is `instruction` in
`extra_info`, or else beside the labels in `ground_truth`; without it completions are scored without
their prompt. `group`, in the same places, says which completions answer one prompt, for the
service's statistics.

verl scores each sample alone, and has no missing rewards. Concurrent calls are joined into one
request. Samples that could not be scored are sent again, and if that does not help the call
raises, unless `reward_kwargs.fallback` (or SAFEGRPO_REWARD_FALLBACK) gives the reward to use. If
the service has never answered, the call always raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from app.rows import read_ground_truth, row_ground_truth
from app.schema import Result, Sample
from train_client.integrations.rewards import (
    Rewards,
    fallback_given,
    numbers,
    reward_or_fallback,
    sample_of,
    shared_rewards,
    warn_without_prompts,
)

_VERLS_OWN = ("reward_router_address", "reward_model_tokenizer")
"""Arguments that verl adds to the settings."""


async def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    *,
    fallback: float | None = None,
    **settings: Any,
) -> dict[str, float]:
    """`score` and the components of one completion.

    Raises:
        LabelError: a field holds no labels; the message names it.
        ConfigError: a setting cannot be used.
        RewardUnavailable: there is no reward, and no `fallback`; or the service never answered.
        RewardError: the service refused, or its reward changed during the run.
    """
    rewards, fallback = _rewards(settings), fallback_given(fallback)
    samples = [_sample(solution_str, ground_truth, extra_info)]
    warn_without_prompts(samples)
    (result,) = await asyncio.wrap_future(rewards.score_with_retries(samples, fallback))
    return _score(result, fallback)


def compute_score_blocking(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    **settings: Any,
) -> dict[str, float]:
    """`compute_score` for managers that call from threads or processes; the same errors."""
    (score,) = compute_score_batch(
        [data_source], [solution_str], [ground_truth], [extra_info], **settings
    )
    return score


def compute_score_batch(
    data_sources: Sequence[str],
    solution_strs: Sequence[str],
    ground_truths: Sequence[Any],
    extra_infos: Sequence[Mapping[str, Any] | None],
    *,
    fallback: float | None = None,
    **settings: Any,
) -> list[dict[str, float]]:
    """`compute_score` of each completion of a batch; the same errors."""
    rewards, fallback = _rewards(settings), fallback_given(fallback)
    rows = zip(solution_strs, ground_truths, extra_infos, strict=True)
    samples = [_sample(*row) for row in rows]
    warn_without_prompts(samples)
    results = rewards.score_with_retries(samples, fallback).result()
    return [_score(result, fallback) for result in results]


def _sample(completion: str, ground_truth: Any, extra_info: Mapping[str, Any] | None) -> Sample:
    extra = extra_info or {}
    if ground_truth is None or ground_truth == "":
        truth = row_ground_truth(extra)
    else:
        truth = read_ground_truth(ground_truth, "ground_truth", extra)
    return sample_of(completion, truth)


def _rewards(settings: Mapping[str, Any]) -> Rewards:
    own = {name: value for name, value in settings.items() if name not in _VERLS_OWN}
    return shared_rewards(own)


def _score(result: Result, fallback: float | None) -> dict[str, float]:
    return {"score": reward_or_fallback(result, fallback), **numbers(result)}
