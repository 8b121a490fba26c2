"""The training loop: steps, with evaluations and checkpoints between them; and how a run resumes.

A step either happens entirely or not at all: when rewards cannot be had or a person stops the run
while it samples or waits, the state at the start of the step is what is saved, so a resumed run is
the uninterrupted one, bit for bit on a CPU.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from transformers.utils.logging import disable_progress_bar

from train_client.best import Best
from train_client.checkpoint import (
    checkpoints,
    claim_run_folder,
    load_state,
    load_weights,
    save_checkpoint,
    save_folder,
)
from train_client.collect import Collector
from train_client.config import ConfigError, TrainConfig
from train_client.data import Example
from train_client.distributed import (
    all_gather,
    is_main,
    process_share,
    rank,
    unsharded,
    wait_for_all,
    world_size,
)
from train_client.engines import engine_of
from train_client.feed import PromptFeed
from train_client.fork import can_fork
from train_client.interrupt import Interrupt, Stopped
from train_client.metrics import MetricsWriter, open_writer
from train_client.optimizer import MasterAdamW
from train_client.outcome import STOPPED, Outcome
from train_client.plots import write_plots
from train_client.policy import Policy
from train_client.process_state import process_state, restore_process
from train_client.progress import TrainingProgress
from train_client.retention import Retention
from train_client.reward_client import RewardClient
from train_client.reward_errors import RewardError
from train_client.rollout import RolloutEngine
from train_client.saved_config import refuse_foreign_config, save_config
from train_client.sources import DataError
from train_client.stall import Stalled, idle_steps
from train_client.step import Step
from train_client.timing import Timer
from train_client.update import SKIPPED, Learner

log = logging.getLogger(__name__)

Evaluate = Callable[[int], Mapping[str, float]]
"""step -> metrics; called before training, every `run.evaluate_every` steps, and after it.

One that raises Stopped is done again when the run goes on."""

_NOT_FORKED = (
    "The cache of this model cannot be forked (linear attention); every completion carries its own "
    "copy of the prompt, which is slower and equally exact."
)


class Trainer:
    """One run. The policy, examples and evaluation may come from anywhere; `run` does the rest.

    `instruction` is appended to every prompt (the profile's, or nothing). `rewards` stays open:
    whoever made the client closes it. Everything is written below `config.run.output`, in which
    there must be no other run meanwhile: see `run_lock`.
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
        self.step = 0
        """Steps done."""
        self._evaluated = -1
        """Step of the newest evaluation; one that came to no end is done again on resume."""
        self._saved: tuple[Any, ...] = ()
        """How far the run had come at its newest checkpoint: see `_reached`."""
        self._idle = 0
        """Steps in a row, up to now, that made no update."""
        self._output = config.run.output
        self._rewards = rewards
        self._evaluate = evaluate
        self._best = Best(config.run, policy, merge=config.policy.lora.merge)
        self._interrupt = Interrupt()
        self._timer = Timer(policy.device)
        forked = can_fork(policy.model)
        if not forked:
            log.warning(_NOT_FORKED)
        self._feed = _prompt_feed(config, policy, examples, instruction, forked=forked)
        mine = process_share(config)
        engine = engine or engine_of(config, policy)
        self._collector = Collector(
            mine, policy, self._feed, engine, rewards, forked=forked, stop=self.asked_to_stop
        )
        self._optimizer = MasterAdamW(policy.model, config.optimizer)
        encode = self._feed.encode
        learner = Learner(mine, policy, self._optimizer, encode, forked=forked, retention=retention)
        self._stepper = Step(config, policy, self._collector, learner, rewards, self._timer)

    def asked_to_stop(self) -> bool:
        """Whether a person wants the run to stop; a long evaluation should ask now and then."""
        return self._interrupt.asked

    def run(self) -> Outcome:
        """Train to the end, or to the next safe point when asked to stop, and write everything.

        A service that stays away, or whose reward changes, a row that cannot be used or gradients
        that stay infinite end the run with `finished` False and the reason; the checkpoint holds
        the last whole step. Raises ConfigError if `run.output` already holds a run and
        `run.resume` is off, or a person's config.yaml.
        """
        claim_run_folder(self.config.run)
        refuse_foreign_config(self._output)
        # The bars of saving and loading would tear the run's own progress line.
        disable_progress_bar()
        resumed = self._prepare()
        options = self.config.run
        if not resumed:
            torch.manual_seed(options.seed)
        writer = open_writer(self.config, self.step if resumed else None)
        reason = ""
        shown = options.progress and is_main()
        progress = TrainingProgress(options.steps, self.step, shown=shown)
        try:
            with self._interrupt, progress:
                reason = self._loop(writer, progress)
            finished = self.step >= options.steps and not reason
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
        # It may have come to another process alone.
        signal = max(all_gather(self._interrupt.signal))
        return Outcome(
            self.step,
            finished,
            reason,
            newest[-1] if newest else None,
            stopped_by=signal if reason == STOPPED else 0,
        )

    def _loop(self, writer: MetricsWriter, progress: TrainingProgress) -> str:
        """Steps, evaluations and checkpoints. Returns why it ended early, or an empty text."""
        reason = self._attempt(lambda: self._evaluation_if_due(writer, progress))
        state = self._state()
        while self.step < self.config.run.steps and not reason:
            if any(all_gather(self._interrupt.asked)):
                reason = STOPPED
                break
            reason = self._attempt(lambda: self._next_step(writer, progress))
            if reason:
                break  # `state` is still that from before the step, and is what is saved
            reason = self._attempt(lambda: self._evaluation_if_due(writer, progress))
            state = self._state()
            if self.config.run.save_every and self.step % self.config.run.save_every == 0:
                self._save(state)
        # A resumed run that came no further has this checkpoint already.
        if any(all_gather(self._saved != _reached(state))):
            self._save(state)
        return reason

    def _attempt(self, work: Callable[[], None]) -> str:
        """Do the work. Returns why it could not be done, as a sentence; empty if it was.

        DataError and ConfigError are raised as long as there is no step that would be lost.
        """
        try:
            work()
        except (RewardError, Stalled) as problem:
            return str(problem)
        except (DataError, ConfigError) as problem:
            if self.step == 0:
                raise
            return str(problem)
        except Stopped:
            return STOPPED
        return ""

    def _next_step(self, writer: MetricsWriter, progress: TrainingProgress) -> None:
        values = self._stepper.run(self.step + 1, writer)
        writer.write(self.step + 1, values)
        self._idle = idle_steps(self._idle, values[SKIPPED], self.config)
        self.step += 1
        progress.step(values)

    def _evaluation_if_due(self, writer: MetricsWriter, progress: TrainingProgress) -> None:
        every = self.config.run.evaluate_every
        due = self.step in (0, self.config.run.steps) or (every and self.step % every == 0)
        if due and self._evaluated != self.step:
            self._evaluation(writer, progress)
            self._evaluated = self.step

    def _evaluation(self, writer: MetricsWriter, progress: TrainingProgress) -> None:
        if self._evaluate is None:
            return
        timed = self._timer("evaluation")
        with timed, progress.doing("evaluating"), unsharded(self.policy.model):
            found = self._evaluate(self.step)
        # Taken here, so that an evaluation never counts as a part of the next step.
        times = {f"time/{phase}": spent for phase, spent in self._timer.take().items()}
        writer.write(self.step, {f"eval/{name}": v for name, v in found.items()} | times)
        self._best.consider(self.step, found)

    def _state(self) -> dict[str, Any]:
        """All but the weights: what the next step starts from."""
        return {
            "step": self.step,
            "process": process_state(self._feed, self._collector.generator),
            "version": self._rewards.version,
            "evaluated": self._evaluated,
            "idle": self._idle,
            "best": self._best.value,
            "best_by": self.config.run.keep_best,
        }

    def _save(self, state: dict[str, Any]) -> None:
        processes = all_gather(state["process"])
        save_checkpoint(
            self._output / "checkpoints",
            state["step"],
            self.policy,
            {**state, "processes": processes, "optimizer": self._optimizer.state_dict()},
            self.config.run.keep_last,
        )
        self._saved = _reached(state)

    def _prepare(self) -> bool:
        """Load the newest checkpoint, if there is one. Returns whether the run resumes."""
        folder = self._output / "checkpoints"
        found = checkpoints(folder)
        wait_for_all()
        if not found:
            if self.config.run.resume:
                log.warning("%s holds no checkpoint; the run starts from its beginning.", folder)
            if is_main():
                save_config(self.config, None)
            return False
        state = load_state(found[-1])
        self._rewards.expect(state["version"])
        load_weights(self.policy.model, found[-1])
        self._optimizer.load_state_dict(state["optimizer"])
        self.step, self._evaluated = state["step"], state["evaluated"]
        self._idle = state.get("idle", 0)
        if state.get("best_by") == self.config.run.keep_best:
            self._best.value = state["best"]
        self._saved = _reached(state)
        if is_main():
            save_config(self.config, self.step)
        restore_process(
            state["processes"],
            self._feed,
            self._collector.generator,
            self.config.run.seed,
            self.step,
        )
        return True


def _refuse_unusable(config: TrainConfig, policy: Policy, evaluate: Evaluate | None) -> None:
    """Raise ConfigError where the configuration wants what the run was not given."""
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
    """This process's share of the examples, in the order that the run's seed gives."""
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


def _reached(state: dict[str, Any]) -> tuple[Any, ...]:
    """How far a run has come by its state; two that agree in this need one checkpoint only.

    Cursors and generators are left out: with another number of processes they differ at once.
    """
    return tuple(state[name] for name in ("step", "version", "evaluated", "best"))
