"""The records of a step: its line in metrics.jsonl and its rows in completions.jsonl."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from train_client.learning.advantages import informative_groups
from train_client.learning.experience import gather_rewards
from train_client.report.safety import reward_means, safety_table
from train_client.run.collect import Collected


def step_metrics(
    collected: Collected,
    advantages_R: Tensor,
    learned: dict[str, float],
    lr: float,
    seconds: dict[str, float],
) -> dict[str, float]:
    """Means over everything sampled in the step, dropped groups included."""
    completions = [completion for group in collected.seen for completion in group.completions]
    results = [result for group in collected.seen for result in group.results]
    labels = [group.example.labels for group in collected.seen for _ in group.completions]
    lengths = [len(completion.tokens) for completion in completions]
    total = sum(seconds.values())
    rewards = gather_rewards(collected.seen, collected.rewards.weights)
    equal_P = ~informative_groups(rewards.rewards_PG, rewards.scored_PG)
    surprise = -sum(sum(completion.logprobs) for completion in completions)
    return {
        **reward_means(results),
        **rewards.spread(),
        **safety_table(results, labels),
        **learned,
        "lr": lr,
        "unscored": float(sum(result.reward is None for result in results)),
        # In nats per token: the mean of -log-prob of the sampled tokens estimates it.
        "entropy": surprise / max(sum(lengths), 1),
        "groups/equal_rewards": float(equal_P.float().mean()),
        "advantage/abs": float(advantages_R.abs().mean()),
        "length/mean": sum(lengths) / len(lengths),
        "length/max": float(max(lengths)),
        "length/cut": sum(not completion.finished for completion in completions) / len(completions),
        "prompts/too_long": float(collected.too_long),
        "sampled_tokens": float(sum(lengths)),
        "scored_completions": float(len(results)),
        "tokens_per_second": sum(lengths) / total,
        **{f"time/{phase}": spent for phase, spent in seconds.items()},
        "time/step": total,
    }


def completion_rows(
    step: int, collected: Collected, advantages_R: Tensor
) -> Iterator[dict[str, Any]]:
    """A row for each completion that was learned from, with its advantage."""
    advantages = iter(advantages_R.tolist())
    for group in collected.groups:
        for completion, result in zip(group.completions, group.results, strict=True):
            yield {
                "step": step,
                "prompt": group.example.id,
                "instruction": group.example.instruction,
                "labels": group.example.labels.model_dump(),
                "completion": completion.text,
                "finished": completion.finished,
                "tokens": len(completion.tokens),
                "reward": result.reward,
                "components": result.components,
                "status": result.status,
                "verdicts": result.verdicts,
                "failure": result.failure.code if result.failure else None,
                "stance": result.stance.kind if result.stance else None,
                "advantage": next(advantages),
            }
