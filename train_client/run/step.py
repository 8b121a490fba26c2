"""One step of training: sample, score over HTTP, update; each phase is timed by name.

Shapes: P prompts, G completions a prompt, R = P*G rows, T completion tokens.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from train_client.config.errors import ConfigError
from train_client.config.train_config import TrainConfig
from train_client.data.sources import DataError
from train_client.distributed import (
    all_gather,
    is_main,
    raised_everywhere,
    rank,
    unsharded,
    world_size,
)
from train_client.learning.experience import Experience, Group, as_tensors, counted
from train_client.learning.optimizer import step_rates
from train_client.learning.retention import ResponseBatch
from train_client.learning.update import Learner
from train_client.policy.passes import Pass
from train_client.policy.policy import Policy
from train_client.report.metrics import REWARD_TAIL, MetricsWriter
from train_client.reward.client import RewardClient
from train_client.reward.errors import RewardError, RewardVersionChanged
from train_client.rollout.rollout import Diverged
from train_client.run.collect import Collected, Collector, examples_of
from train_client.run.interrupt import Stopped
from train_client.run.records import completion_rows, step_metrics
from train_client.run.timing import Timer, peak_memory

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """The first half of a step: all that the update needs. The policy has not changed yet."""

    collected: Collected
    experience: Experience
    """Of the collected groups; it lacks what depends on the rewards of all processes."""
    passes: list[list[Pass]]
    """The passes of each minibatch."""
    retention: list[list[ResponseBatch]]
    """The encoded retention examples of each update."""
    tail: float
    """Seconds from the last token to the last reward."""


class Step:
    """Runs steps; it keeps no state between them."""

    def __init__(
        self,
        config: TrainConfig,
        policy: Policy,
        collector: Collector,
        learner: Learner,
        rewards: RewardClient,
        timer: Timer,
    ) -> None:
        self._config = config
        self._policy = policy
        self._collector = collector
        self._learner = learner
        self._rewards = rewards
        self._timer = timer

    def run(self, step: int, writer: MetricsWriter) -> dict[str, float]:
        """Run step number `step`, counted from 1, and return its metrics.

        Raises RewardError, Stopped, Diverged, and DataError or ConfigError for prompts or rewards
        that cannot be used; on all processes and before any update.
        """
        config = self._config
        with (
            raised_everywhere(RewardError, Stopped, DataError, ConfigError, Diverged),
            unsharded(self._policy.model),
        ):
            prepared = self._prepared(step)
        _refuse_mixed_versions(all_gather(self._rewards.version))
        gathered = prepared.collected.of_all_processes(config.algorithm.component_weights)
        _refuse_unscored(gathered)
        if step == 1:
            _warn_of_weights_without_effect(gathered)
        advantages_R = gathered.rewards.advantages(config.algorithm).flatten()
        self._complete(prepared, advantages_R.chunk(world_size())[rank()])
        rates = step_rates(config.optimizer, step - 1, config.run.steps, config.updates_per_step)
        with self._timer("update"):
            learned = self._learner.learn(
                prepared.experience, prepared.passes, rates, prepared.retention
            )
        every = config.run.completions_every
        if every and step % every == 0:
            writer.completions(completion_rows(step, gathered, advantages_R))
        values = step_metrics(gathered, advantages_R, learned, rates[-1], self._timer.take())
        if step == 1:
            _warn_of_no_format(values, config.data.append_instruction)
        return {**values, REWARD_TAIL: prepared.tail, **peak_memory(self._policy.device)}

    def _prepared(self, step: int) -> Prepared:
        """Sample and score; what does not need rewards is computed while they arrive."""
        algorithm, timer = self._config.algorithm, self._timer
        submission = self._collector.sample(step, 0, timer)
        sampled_at = time.monotonic()
        groups = submission.groups
        passes = self._learner.passes(examples_of(groups), submission.inputs)
        experience = self._tensors(groups)
        if self._reference_is_early:
            self._add_reference(experience, passes)
        with timer("reward_wait"):
            rewards = self._collector.wait(submission)
        tail = max(0.0, self._rewards.last_reply - sampled_at)
        collected = Collected(groups, rewards, groups, submission.too_long)
        if algorithm.dynamic_sampling:
            collected = self._collector.refill(step, collected, timer)
            if collected.groups is not groups:
                passes = self._learner.passes(examples_of(collected.groups), None)
                experience = self._tensors(collected.groups)
        if self._config.updates_per_step > 1 or world_size() > 1:
            self._await_encodings(passes)
        updates = self._config.updates_per_step
        with timer("prompts"):
            retention = self._learner.retention_batches(range(updates * (step - 1), updates * step))
        return Prepared(collected, experience, passes, retention, tail)

    def _tensors(self, groups: Sequence[Group]) -> Experience:
        return as_tensors(groups, self._policy.pad_id).to(self._policy.device)

    def _add_reference(self, experience: Experience, passes: Sequence[Sequence[Pass]]) -> None:
        with self._timer("reference"):
            experience.reference_RT = self._learner.reference_logprobs(experience, passes)

    def _await_encodings(self, passes: Sequence[Sequence[Pass]]) -> None:
        """Wait until all prompts are encoded; raises DataError if one no longer can be.

        A step of several updates must fail before the first of them, and several processes must
        fail before they wait for each other. A single update in a single process need not wait: it
        fails before it changes the policy, and until then computes while prompts are encoded.
        """
        with self._timer("prompts"):
            for work in (work for minibatch in passes for work in minibatch):
                work.encoded.result()

    def _complete(self, prepared: Prepared, advantages_R: Tensor) -> None:
        """Add to the update's tensors what counts, and reference and old log-probs if needed.

        `advantages_R`: of this process's completions.
        """
        algorithm, collected = self._config.algorithm, prepared.collected
        experience = prepared.experience
        if algorithm.beta > 0 and experience.reference_RT is None:
            self._add_reference(experience, prepared.passes)
        experience.count(counted(collected.groups, collected.rewards, algorithm), advantages_R)
        if self._config.updates_per_step == 1:
            return
        if algorithm.old_logprobs == "sampler":
            experience.old_RT = experience.sampler_RT
        else:
            with self._timer("old_logprobs"):
                experience.old_RT = self._learner.old_logprobs(experience, prepared.passes)

    @property
    def _reference_is_early(self) -> bool:
        """Whether the reference pass runs while the last rewards arrive.

        Not if groups may still be replaced. Nor with several processes: they would wait in this
        pass for one whose rewards never arrive.
        """
        algorithm = self._config.algorithm
        return algorithm.beta > 0 and not algorithm.dynamic_sampling and world_size() == 1


def _refuse_mixed_versions(versions: Sequence[str | None]) -> None:
    """Raise RewardVersionChanged if processes got rewards of different versions."""
    seen = sorted({version for version in versions if version is not None})
    if len(seen) > 1:
        raise RewardVersionChanged(
            f"The replicas of the reward service differ: their rewards are {', '.join(seen)}. "
            "Rewards of different versions cannot be compared; bring all to one, and resume."
        )


def _refuse_unscored(collected: Collected) -> None:
    """Raise RewardError if no completion was scored, as if the service were unavailable."""
    if not collected.rewards.scored_PG.any():
        raise RewardError(
            f"The reward service answered, but could score none of the "
            f"{collected.rewards.scored_PG.numel()} completions of the step; its log says why."
        )


def _warn_of_weights_without_effect(collected: Collected) -> None:
    """Warn of weights on components that were always 0: they have no effect."""
    if collected.rewards.zero_components and is_main():
        log.warning(
            "algorithm.component_weights weighs %s, which was 0 in every completion of the first "
            "step. The weights multiply the components that the service reports, which the "
            "profile has weighted already; format is always 0, because it is a gate.",
            ", ".join(collected.rewards.zero_components),
        )


def _warn_of_no_format(values: Mapping[str, float], appended: bool) -> None:
    """Warn if no completion has the format: all rewards are 0, and there is nothing to learn.

    `appended`: whether the profile's instruction is appended to the prompts.
    """
    if values["format"] or values["reward"] or not is_main():
        return
    if appended:
        advice = (
            "is appended to the prompts; if the policy learned the format without it, as the "
            "demo's did, set data.append_instruction=false."
        )
    else:
        advice = (
            "is not appended to the prompts; if the policy has not learned the format, set "
            "data.append_instruction=true."
        )
    log.warning(
        "Every reward of the first step is 0, because no completion has the profile's format; "
        "completions.jsonl shows what the policy writes. The profile's instruction %s",
        advice,
    )
