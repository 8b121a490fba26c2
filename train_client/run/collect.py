"""The first half of a step: sample groups of completions for the next prompts, and score them.

It does not change the policy, so a step that fails here can be repeated from its start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from train_client.config.train_config import TrainConfig
from train_client.data.examples import Example
from train_client.data.feed import PromptFeed
from train_client.distributed import all_gather, own_seed, world_size
from train_client.learning.experience import Group, Rewards, gather_rewards
from train_client.policy.policy import Policy
from train_client.reward.client import RewardClient
from train_client.rollout.rollout import Ended, RolloutEngine
from train_client.rollout.sampling import sampling_of
from train_client.run.interrupt import POLL, Stop, Stopped
from train_client.run.submission import Submission
from train_client.run.timing import Timer


@dataclass(frozen=True)
class Collected:
    """The scored groups of a step."""

    groups: list[Group]
    """The groups to learn from."""
    rewards: Rewards
    """The rewards of `groups`."""
    seen: list[Group]
    """All groups sampled, those dropped for equal rewards included."""
    too_long: int
    """Prompts that were skipped because of their length."""

    def of_all_processes(self, weights: dict[str, float] | None) -> Collected:
        """What all processes collected, in order of rank, without images.

        `weights`: see `gather_rewards`.
        """
        if world_size() == 1:
            return self
        own = (_without_images(self.groups), _without_images(self.seen), self.too_long)
        parts = all_gather(own)
        groups = [group for part, _, _ in parts for group in part]
        return Collected(
            groups,
            gather_rewards(groups, weights),
            [group for _, part, _ in parts for group in part],
            sum(too_long for _, _, too_long in parts),
        )


class Collector:
    """Samples groups of completions for the feed's next prompts, and waits for their rewards.

    `prompts`: how many of a step's prompts this process samples. `forked`: the completions of a
    group share one prefill of their prompt; otherwise the feed repeats each prompt for each of
    them.
    """

    def __init__(
        self,
        config: TrainConfig,
        policy: Policy,
        feed: PromptFeed,
        engine: RolloutEngine,
        rewards: RewardClient,
        *,
        prompts: int,
        forked: bool,
        stop: Stop,
    ) -> None:
        self._config = config
        self._prompts = prompts
        self._policy = policy
        self._feed = feed
        self._engine = engine
        self._rewards = rewards
        self._forked = forked
        self._stop = stop
        self.generator = torch.Generator(policy.device).manual_seed(own_seed(config.run.seed))
        self._sampling = sampling_of(config.rollout)

    def sample(self, step: int, round_: int, timer: Timer) -> Submission:
        """Sample a group for each of the next prompts; each is sent for scoring when complete.

        `round_`: 0 for a step's first batch, then the number of the refill. Raises DataError for
        prompts that cannot be used, Stopped if the user stops the run meanwhile, and Diverged if
        the policy's probabilities are not finite.
        """
        size = self._config.rollout.group_size
        with timer("prompts"):
            batch = self._feed.take(self._prompts)
            parts = [part.to(self._policy.device) for part in batch.parts]
        submission = Submission(
            batch.examples,
            size,
            self._policy,
            self._rewards,
            step,
            round_,
            inputs=parts[0].inputs if len(parts) == 1 else None,
            too_long=batch.too_long,
        )
        with timer("rollout"):
            per_prompt = size if self._forked else 1
            first = 0

            def on_ended(ended: list[Ended]) -> None:
                if self._stop():
                    raise Stopped
                submission.add_ended(ended, first)

            try:
                for part in parts:
                    sampled = self._engine.generate(
                        part, per_prompt, self._sampling, self.generator, on_ended
                    )
                    sampled.refuse_non_finite()
                    submission.add_rest(sampled, first)
                    first += len(part.texts) * per_prompt
            except BaseException:
                submission.cancel()
                raise
        return submission

    def wait(self, submission: Submission) -> Rewards:
        """The rewards of the groups, once all have arrived.

        Raises RewardError, Stopped if the user stops the run meanwhile, and ConfigError as
        `gather_rewards` does.
        """
        while not submission.wait(POLL):
            if self._stop():
                submission.cancel()
                raise Stopped
        return gather_rewards(submission.groups, self._config.algorithm.component_weights)

    def refill(self, step: int, first: Collected, timer: Timer) -> Collected:
        """Replace groups whose rewards are all equal (DAPO's dynamic sampling, arXiv 2503.14476).

        Samples up to `dynamic_sampling` more batches. Equal groups for which these give no
        replacement are kept, so the batch size never changes. Returns `first` itself if it has no
        equal groups.
        """
        seen, too_long = list(first.seen), first.too_long
        informative = first.rewards.informative(self._config.algorithm).tolist()
        missing = informative.count(False)
        if not missing:
            return first
        found: list[Group] = []
        for round_ in range(1, self._config.algorithm.dynamic_sampling + 1):
            submission = self.sample(step, round_, timer)
            with timer("reward_wait"):
                rewards = self.wait(submission)
            groups = submission.groups
            seen, too_long = seen + groups, too_long + submission.too_long
            usable = rewards.informative(self._config.algorithm).tolist()
            found += [group for group, use in zip(groups, usable, strict=True) if use]
            if len(found) >= missing:
                break
        # In place, so that the equal groups that remain do not all fall into one minibatch.
        replacements = iter(found)
        chosen = [
            group if keep else next(replacements, group)
            for group, keep in zip(first.groups, informative, strict=True)
        ]
        weights = self._config.algorithm.component_weights
        return Collected(chosen, gather_rewards(chosen, weights), seen, too_long)


def examples_of(groups: Sequence[Group]) -> list[Example]:
    return [group.example for group in groups]


def _without_images(groups: Sequence[Group]) -> list[Group]:
    """Without what is large and no other process needs."""
    return [Group(replace(g.example, pictures=()), g.completions) for g in groups]
