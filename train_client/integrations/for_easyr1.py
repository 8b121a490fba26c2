"""EasyR1: a batch reward function.

    worker.reward.reward_function=/path/to/train_client/integrations/for_easyr1.py:main
    worker.reward.reward_function_kwargs='{"url": "http://localhost:8700"}'
    data.answer_key=labels

EasyR1 hands over neither prompt nor other columns, so the answer column holds all three labels as
JSON text: `{"visual": "safe", "text": "safe", "combined": "unsafe"}`, or SafeTag's names. The
components reach its logs by their names, raw values as `raw_…`. It knows no missing reward: samples
that could not be scored are asked for again, and if that does not help the call raises, unless
`fallback` is the reward to give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.rows import read_labels
from app.schema import Sample
from train_client.integrations.rewards import numbers, rewards_of, settled

REWARD_NAME = "safegrpo"
REWARD_TYPE = "batch"


def main(
    reward_inputs: Sequence[Mapping[str, Any]], fallback: float | None = None, **settings: Any
) -> list[dict[str, float]]:
    """`overall` and the components of each completion.

    Raises:
        LabelError: naming the field that holds no labels.
        RewardUnavailable: there is no reward, and no `fallback`.
        RewardError: the service refused, or its reward changed during the run.
    """
    samples = [
        Sample(
            id=None,
            group=None,
            completion=row["response"],
            prompt="",
            labels=read_labels(row["ground_truth"], "ground_truth"),
        )
        for row in reward_inputs
    ]
    results = rewards_of(settings).certain(samples, fallback).result()
    return [{"overall": settled(result, fallback), **numbers(result)} for result in results]
