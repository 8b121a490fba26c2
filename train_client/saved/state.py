"""What a run needs to resume: everything that the next step starts from, saved and restored.

A snapshot is taken between steps and saved later, so that a step which fails halfway leaves no
trace in the checkpoint.
"""

from __future__ import annotations

import logging
from typing import Any

import torch

from train_client.config.sections import RunConfig
from train_client.data.feed import PromptFeed
from train_client.distributed import all_gather, wait_for_all
from train_client.learning.optimizer import MasterAdamW
from train_client.policy.policy import Policy
from train_client.reward.client import RewardClient
from train_client.saved.best import Best
from train_client.saved.checkpoint import checkpoints, load_state, load_weights, save_checkpoint
from train_client.saved.process_state import process_state, restore_process

log = logging.getLogger(__name__)

Snapshot = dict[str, Any]
"""All but the weights and the optimizer, which a failed step leaves as they were."""


class RunState:
    """Where a run stands, and the objects whose state a checkpoint holds with it.

    `sampler` is the generator that completions are drawn from. All processes must call `save` and
    `restore` together.
    """

    def __init__(
        self,
        config: RunConfig,
        policy: Policy,
        optimizer: MasterAdamW,
        feed: PromptFeed,
        sampler: torch.Generator,
        rewards: RewardClient,
        best: Best,
    ) -> None:
        self.step = 0
        """Steps done."""
        self.evaluated = -1
        """Step of the newest complete evaluation; an interrupted one is repeated on resume."""
        self.idle = 0
        """Consecutive steps, up to now, without an update."""
        self._saved: tuple[Any, ...] = ()
        """The newest checkpoint's progress: see `_progress`."""
        self._config = config
        self._folder = config.output / "checkpoints"
        self._policy = policy
        self._optimizer = optimizer
        self._feed = feed
        self._sampler = sampler
        self._rewards = rewards
        self._best = best

    def snapshot(self) -> Snapshot:
        return {
            "step": self.step,
            "process": process_state(self._feed, self._sampler),
            "version": self._rewards.version,
            "evaluated": self.evaluated,
            "idle": self.idle,
            "best": self._best.value,
            "best_by": self._config.keep_best,
        }

    def is_saved(self, snapshot: Snapshot) -> bool:
        """Whether the newest checkpoint is already as far, as after a resume without progress."""
        return self._saved == _progress(snapshot)

    def save(self, snapshot: Snapshot) -> None:
        """Write a checkpoint of the snapshot with the present weights and optimizer.

        Raises SaveError if it cannot be written.
        """
        state = {
            **snapshot,
            "processes": all_gather(snapshot["process"]),
            "optimizer": self._optimizer.state_dict(),
        }
        keep = self._config.keep_last
        save_checkpoint(self._folder, snapshot["step"], self._policy, state, keep)
        self._saved = _progress(snapshot)

    def restore(self) -> bool:
        """Load the newest checkpoint, if there is one. Returns whether the run resumes.

        Raises RewardVersionChanged if the service's reward is not the one that the run began with,
        and ConfigError if the weights do not fit the policy.
        """
        saved = checkpoints(self._folder)
        wait_for_all()
        if not saved:
            if self._config.resume:
                log.warning("%s holds no checkpoint; the run starts from step 0.", self._folder)
            return False
        state = load_state(saved[-1])
        self._rewards.expect(state["version"])
        load_weights(self._policy.model, saved[-1])
        self._optimizer.load_state_dict(state["optimizer"])
        self.step, self.evaluated = state["step"], state["evaluated"]
        # Checkpoints of earlier versions lack `idle` and `best_by`.
        self.idle = state.get("idle", 0)
        if state.get("best_by") == self._config.keep_best:
            self._best.value = state["best"]
        self._saved = _progress(state)
        seed = self._config.seed
        restore_process(state["processes"], self._feed, self._sampler, seed, self.step)
        return True


def _progress(snapshot: Snapshot) -> tuple[Any, ...]:
    """What must differ between two snapshots for the later one to be worth a checkpoint.

    Cursors and generators are left out: they differ as soon as the number of processes does.
    """
    return tuple(snapshot[name] for name in ("step", "version", "evaluated", "best"))
