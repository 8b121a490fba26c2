"""The training loop: steps, with evaluations and checkpoints between them.

Steps are atomic: when rewards are unavailable, or the run is stopped while it samples or waits, the
checkpoint holds the state from before the step. A resumed run therefore equals an uninterrupted
one, on a CPU bit for bit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

import torch
from transformers.utils.logging import disable_progress_bar

from train_client.config.errors import ConfigError
from train_client.config.train_config import TrainConfig
from train_client.data.examples import Example
from train_client.data.feed import PromptFeed
from train_client.data.sources import DataError
from train_client.distributed import (
    all_gather,
    is_main,
    prompts_per_process,
    rank,
    unsharded,
    wait_for_all,
    world_size,
)
from train_client.learning.optimizer import MasterAdamW
from train_client.learning.retention import Retention
from train_client.learning.stall import Stalled, idle_steps
from train_client.learning.update import SKIPPED, Learner
from train_client.policy.fork import can_fork
from train_client.policy.policy import Policy
from train_client.report.metrics import MetricsWriter, open_writer
from train_client.report.plots import write_plots
from train_client.report.progress import TrainingProgress
from train_client.reward.client import RewardClient
from train_client.reward.errors import RewardError
from train_client.rollout.engines import engine_of
from train_client.rollout.rollout import RolloutEngine
from train_client.run.collect import Collector
from train_client.run.interrupt import Interrupt, Stop, Stopped
from train_client.run.outcome import STOPPED, Outcome
from train_client.run.step import Step
from train_client.run.timing import Timer
from train_client.saved.best import Best
from train_client.saved.checkpoint import checkpoints, claim_run_folder, save_folder
from train_client.saved.config import refuse_foreign_config, save_config
from train_client.saved.state import RunState

log = logging.getLogger(__name__)

Evaluate = Callable[[Stop], Mapping[str, float]]
"""The metrics of the policy as it is; called before training, every `run.evaluate_every` steps, and
after training.

It is given whether the run was asked to stop, which a long evaluation should poll: one that raises
Stopped is repeated when the run resumes."""

_NOT_FORKED = (
    "The cache of this model cannot be forked (linear attention); every completion carries its own "
    "copy of the prompt, which is slower but equally exact."
)


class Trainer:
    """One run over the policy, examples and evaluation that it is given.

    `instruction` is appended to every prompt (the profile's, or nothing). `rewards` stays open:
    the caller closes it. Everything is written below `config.run.output`, which no other run may
    use at the same time: see `lock`.
    """

    def __init__(
        self,
        config: TrainConfig,
        policy: Policy,
        examples: Sequence[Example],
        rewards: RewardClient,
        *,
        instruction: str = "",
        evaluate: Evaluate | None = None,
        engine: RolloutEngine | None = None,
        retention: Retention | None = None,
    ) -> None:
        _refuse_unusable(config, policy, evaluate)
        self.config = config
        self.policy = policy
        self._output = config.run.output
        self._evaluate = evaluate
        self._best = Best(config.run, policy, merge=config.policy.lora.merge)
        self._interrupt = Interrupt()
        self._timer = Timer(policy.device)
        forked = can_fork(policy.model)
        if not forked:
            log.warning(_NOT_FORKED)
        self._feed = _prompt_feed(config, policy, examples, instruction, forked=forked)
        collector = Collector(
            config,
            policy,
            self._feed,
            engine or engine_of(config, policy),
            rewards,
            prompts=prompts_per_process(config),
            forked=forked,
            stop=self._asked_to_stop,
        )
        optimizer = MasterAdamW(policy.model, config.optimizer)
        encode = self._feed.encode
        learner = Learner(config, policy, optimizer, encode, forked=forked, retention=retention)
        self._stepper = Step(config, policy, collector, learner, rewards, self._timer)
        self._state = RunState(
            config.run, policy, optimizer, self._feed, collector.generator, rewards, self._best
        )

    def run(self) -> Outcome:
        """Train to the end, or to the next safe point when asked to stop, and write everything.

        An unavailable service, a changed reward, an unusable row or gradients that stay non-finite
        end the run with `finished` False and the reason; the checkpoint holds the last complete
        step. Raises ConfigError if `run.output` already holds a run and `run.resume` is off, or a
        config.yaml that no run wrote.
        """
        claim_run_folder(self.config.run)
        refuse_foreign_config(self._output)
        # The bars of saving and loading would break up the run's own progress line.
        disable_progress_bar()
        options = self.config.run
        resumed_from = self._state.step if self._state.restore() else None
        if is_main():
            save_config(self.config, resumed_from)
        if resumed_from is None:
            torch.manual_seed(options.seed)
        writer = open_writer(self.config, resumed_from)
        reason = ""
        shown = options.progress and is_main()
        progress = TrainingProgress(options.steps, self._state.step, shown=shown)
        try:
            with self._interrupt, progress:
                reason = self._loop(writer, progress)
            finished = self._state.step >= options.steps and not reason
            if finished:
                save_folder(
                    self._output / "policy", self.policy, merge=self.config.policy.lora.merge
                )
            if options.plots and is_main():
                write_plots(self._output)
        finally:
            writer.close()
            self._feed.close()
        wait_for_all()
        newest = checkpoints(self._output / "checkpoints")
        # Another process may have been the only one to receive it.
        signal = max(all_gather(self._interrupt.signal))
        return Outcome(
            self._state.step,
            finished,
            reason,
            newest[-1] if newest else None,
            stopped_by=signal if reason == STOPPED else 0,
        )

    def _loop(self, writer: MetricsWriter, progress: TrainingProgress) -> str:
        """Steps, evaluations and checkpoints. Returns why it ended early, or an empty string."""
        reason = self._attempt(lambda: self._evaluate_if_due(writer, progress))
        snapshot, save_every = self._state.snapshot(), self.config.run.save_every
        while self._state.step < self.config.run.steps and not reason:
            if any(all_gather(self._interrupt.asked)):
                reason = STOPPED
                break
            reason = self._attempt(lambda: self._next_step(writer, progress))
            if reason:
                break  # `snapshot` is still the one from before the step
            reason = self._attempt(lambda: self._evaluate_if_due(writer, progress))
            snapshot = self._state.snapshot()
            if save_every and self._state.step % save_every == 0:
                self._state.save(snapshot)
        if not all(all_gather(self._state.is_saved(snapshot))):
            self._state.save(snapshot)
        return reason

    def _attempt(self, work: Callable[[], None]) -> str:
        """Do the work. Returns why it failed, as a sentence; empty if it did not.

        Before the first step is done, when nothing would be lost, DataError and ConfigError
        propagate.
        """
        try:
            work()
        except (RewardError, Stalled) as problem:
            return str(problem)
        except (DataError, ConfigError) as problem:
            if self._state.step == 0:
                raise
            return str(problem)
        except Stopped:
            return STOPPED
        return ""

    def _next_step(self, writer: MetricsWriter, progress: TrainingProgress) -> None:
        state = self._state
        metrics = self._stepper.run(state.step + 1, writer)
        writer.write(state.step + 1, metrics)
        state.idle = idle_steps(state.idle, metrics[SKIPPED], self.config)
        state.step += 1
        progress.step(metrics)

    def _asked_to_stop(self) -> bool:
        return self._interrupt.asked

    def _evaluate_if_due(self, writer: MetricsWriter, progress: TrainingProgress) -> None:
        state, every = self._state, self.config.run.evaluate_every
        due = state.step in (0, self.config.run.steps) or (every and state.step % every == 0)
        if due and state.evaluated != state.step:
            self._run_evaluation(writer, progress)
            state.evaluated = state.step

    def _run_evaluation(self, writer: MetricsWriter, progress: TrainingProgress) -> None:
        if self._evaluate is None:
            return
        timed = self._timer("evaluation")
        with timed, progress.doing("evaluating"), unsharded(self.policy.model):
            metrics = self._evaluate(self._asked_to_stop)
        # Taken here, so that an evaluation never counts as part of the next step.
        times = {f"time/{phase}": spent for phase, spent in self._timer.take().items()}
        values = {f"eval/{name}": value for name, value in metrics.items()} | times
        writer.write(self._state.step, values)
        self._best.consider(self._state.step, metrics)


def _refuse_unusable(config: TrainConfig, policy: Policy, evaluate: Evaluate | None) -> None:
    """Raise ConfigError where the configuration needs what the run was not given."""
    if config.algorithm.beta > 0 and not policy.has_reference:
        raise ConfigError("algorithm.beta is above 0, but the policy has no reference model.")
    if config.run.keep_best and evaluate is None:
        raise ConfigError("run.keep_best needs held-out rows: set data.test or data.hold_out.")


def _prompt_feed(
    config: TrainConfig,
    policy: Policy,
    examples: Sequence[Example],
    instruction: str,
    *,
    forked: bool,
) -> PromptFeed:
    """This process's share of the examples, in the order that the run's seed determines."""
    return PromptFeed(
        examples,
        policy.processor,
        config.data,
        instruction=instruction,
        seed=config.run.seed,
        repeat=1 if forked else config.rollout.group_size,
        prompts_per_pass=config.rollout.prompts_per_pass,
        share=(rank(), world_size()),
    )
