"""ms-swift (tried with 4.6): a plugin that registers our rewards.

    export SAFEGRPO_REWARD_URL=http://localhost:8700
    swift rlhf --rlhf_type grpo ... \\
        --external_plugins .../train_client/integrations/for_ms_swift.py \\
        --reward_funcs safegrpo safegrpo_raw_format safegrpo_raw_tag safegrpo_raw_behavior \\
        --reward_weights 1 0 0 0

The data set has the columns `image_tag, text_tag, combine_tag`, or one column `labels`; and `group`
(the row's own number) for the service's statistics of groups. ms-swift logs the mean of each reward
function, so functions of weight 0 add the raw values to its logs; the calls of all functions are
joined into one request. `safegrpo_tag` and `safegrpo_behavior` are the components, for weights of
your own.

ms-swift adds the reward functions up and counts a missing reward as 0. Therefore samples that could
not be scored are sent again, and if that does not help the call raises, unless
SAFEGRPO_REWARD_FALLBACK gives the reward to use; `nan` is ms-swift's own missing reward, to which
`--scale_rewards gdpo` gives no advantage. If the service has never answered, the call always
raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from swift.rewards import AsyncORM, orms

from app.schema import Result
from train_client.integrations.columns import samples_of
from train_client.integrations.rewards import Rewards, fallback_given, reward_or_fallback, value_of

VALUES = ("reward", "tag", "behavior", "raw_format", "raw_tag", "raw_behavior")


class SafetyReward(AsyncORM):  # type: ignore[misc]
    """The reward; subclasses give other values of the same results."""

    value = "reward"

    def __init__(self, args: Any = None, **kwargs: Any) -> None:
        super().__init__(args, **kwargs)
        self.rewards = Rewards()
        self.fallback = fallback_given()

    async def __call__(self, completions: Sequence[Any], **columns: Any) -> list[float]:
        """One value for each completion.

        Raises:
            LabelError: the data set lacks a column; the message names it.
            RewardUnavailable: there is no reward, and no fallback; or the service never answered.
            RewardError: the service refused, or its reward changed during the run.
        """
        prompts = columns.get("messages") or [""] * len(completions)
        samples = samples_of(prompts, completions, columns)
        asked = self.rewards.score_with_retries(samples, self.fallback)
        results = await asyncio.wrap_future(asked)
        return [self._number(result) for result in results]

    def _number(self, result: Result) -> float:
        number = value_of(result, self.value)
        return reward_or_fallback(result, self.fallback) if number is None else number


def _register() -> None:
    for value in VALUES:
        name = "safegrpo" if value == "reward" else f"safegrpo_{value}"
        orms[name] = type(name, (SafetyReward,), {"value": value})


_register()
