"""The first half of a step: prompts to groups of completions to rewards.

Nothing here changes the policy, so a step that stops anywhere can be redone from its start.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from train_client.config import TrainConfig
from train_client.data import Example
from train_client.distributed import all_gather, own_seed, world_size
from train_client.experience import Group, Rewards, gather_rewards
from train_client.feed import PromptFeed
from train_client.interrupt import POLL, Stop, Stopped
from train_client.policy import Policy
from train_client.reward_client import RewardClient
from train_client.rollout import Ended, RolloutEngine
from train_client.sampling import sampling_of
from train_client.submission import Submission
from train_client.timing import Timer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Collected:
    groups: list[Group]
    """The groups to learn from."""
    rewards: Rewards
    """The rewards of `groups`."""
    seen: list[Group]
    """All groups sampled, those dropped for equal rewards included."""
    too_long: int
    """Prompts passed over because of their length."""

    def of_all_processes(self, weights: dict[str, float] | None) -> Collected:
        """What all processes collected, in order of rank, without images."""
        if world_size() == 1:
            return self
        own = (_without_images(self.groups), _without_images(self.seen), self.too_long)
        parts = all_gather(own)
        groups = [group for part, _, _ in parts for group in part]
        return Collected(
            groups,
            gather_rewards(groups, weights),
            [group for _, part, _ in parts for group in part],
            sum(skipped for _, _, skipped in parts),
        )


def _without_images(groups: Sequence[Group]) -> list[Group]:
    """Images are large, and no other process needs them."""
    return [Group(replace(g.example, pictures=()), g.completions) for g in groups]


@dataclass(frozen=True)
class Sampled:
    """A rollout batch whose rewards may still be on their way."""

    submission: Submission
    inputs: dict[str, Any] | None
    """The encoded prompts, if they are one batch."""
    too_long: int

    @property
    def groups(self) -> list[Group]:
        return self.submission.groups


class Collector:
    """Samples groups of completions for the feed's next prompts, and waits for their rewards.

    `forked`: a group shares one prefill of its prompt; otherwise each completion has its own copy.
    """

    def __init__(
        self,
        config: TrainConfig,
        policy: Policy,
        feed: PromptFeed,
        engine: RolloutEngine,
        rewards: RewardClient,
        *,
        forked: bool,
        stop: Stop,
    ) -> None:
        self._config = config
        self._policy = policy
        self._feed = feed
        self._engine = engine
        self._rewards = rewards
        self._forked = forked
        self._stop = stop
        self.generator = torch.Generator(policy.device).manual_seed(own_seed(config.run.seed))
        self._sampling = sampling_of(config.rollout)

    def sample(self, step: int, round_: int, timer: Timer) -> Sampled:
        """Groups of completions for the next prompts, each sent for scoring once it is whole.

        Raises Stopped if a person asks while they are sampled, and Diverged if nothing can be.
        """
        rollout, size = self._config.rollout, self._config.rollout.group_size
        with timer("prompts"):
            batch = self._feed.take(rollout.prompts_per_step)
            parts = [part.to(self._policy.device) for part in batch.parts]
        submission = Submission(batch.examples, size, self._policy, self._rewards, step, round_)
        with timer("rollout"):
            repeat = size if self._forked else 1
            first = 0

            def on_ended(ended: list[Ended]) -> None:
                if self._stop():
                    raise Stopped
                submission.add_ended(ended, first)

            try:
                for part in parts:
                    sampled = self._engine.generate(
                        part, repeat, self._sampling, self.generator, on_ended
                    )
                    sampled.refuse_no_numbers()
                    submission.add_rest(sampled, first)
                    first += len(part.texts) * repeat
            except BaseException:
                submission.cancel()
                raise
        return Sampled(submission, parts[0].inputs if len(parts) == 1 else None, batch.too_long)

    def wait(self, submission: Submission) -> Rewards:
        """Rewards of the groups. Raises RewardError, or Stopped if a person asks meanwhile."""
        while not submission.wait(POLL):
            if self._stop():
                submission.cancel()
                raise Stopped
        return gather_rewards(submission.groups, self._config.algorithm.component_weights)

    def refill(self, step: int, first: Collected, timer: Timer) -> Collected:
        """Replace groups whose rewards are all equal (DAPO's dynamic sampling, arXiv 2503.14476).

        Samples up to `dynamic_sampling` more batches. If that is not enough, equal groups fill up
        the batch, so that its size never changes. Returns `first` itself if nothing is replaced.
        """
        seen, too_long = list(first.seen), first.too_long
        differ = first.rewards.informative(self._config.algorithm).tolist()
        missing, spare = differ.count(False), []
        if not missing:
            return first
        for round_ in range(1, self._config.algorithm.dynamic_sampling + 1):
            sampled = self.sample(step, round_, timer)
            with timer("reward_wait"):
                rewards = self.wait(sampled.submission)
            seen, too_long = seen + sampled.groups, too_long + sampled.too_long
            fresh = rewards.informative(self._config.algorithm).tolist()
            spare += [group for group, new in zip(sampled.groups, fresh, strict=True) if new]
            if len(spare) >= missing:
                break
        # In the positions of those they replace, so that no minibatch gets all the remaining ones.
        others = iter(spare)
        chosen = [
            group if differs else next(others, group)
            for group, differs in zip(first.groups, differ, strict=True)
        ]
        weights = self._config.algorithm.component_weights
        return Collected(chosen, gather_rewards(chosen, weights), seen, too_long)


def examples_of(groups: Sequence[Group]) -> list[Example]:
    return [group.example for group in groups]
