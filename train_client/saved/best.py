"""Keeps the policy that was best on the held-out rows, whatever came after it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

from train_client.config.errors import ConfigError
from train_client.config.sections import RunConfig
from train_client.distributed import is_main
from train_client.policy.policy import Policy
from train_client.report.safety import COMPONENT, METRICS
from train_client.saved.checkpoint import save_folder

log = logging.getLogger(__name__)

FOLDER = "best"
NOTE = "evaluation.json"
"""Beside the best policy: its step and its held-out metrics."""


def refuse_unknown_metric(config: RunConfig) -> None:
    """Raise ConfigError if `run.keep_best` names nothing that held-out rows are judged by."""
    name = config.keep_best.removeprefix("-")
    if name and name not in METRICS and not name.startswith(COMPONENT):
        raise ConfigError(
            f"run.keep_best names {name}; the evaluation gives {', '.join(METRICS)}, and each "
            f"component of the reward, such as {COMPONENT}tag."
        )


class Best:
    """`run.keep_best` names the metric; with a minus before it, the lowest value is the best."""

    def __init__(self, config: RunConfig, policy: Policy, *, merge: bool) -> None:
        self._metric = config.keep_best.removeprefix("-")
        self._sign = -1 if config.keep_best.startswith("-") else 1
        self._folder = config.output / FOLDER
        self._policy = policy
        self._merge = merge
        self.value: float | None = None
        """The metric's best value so far."""

    def consider(self, step: int, metrics: Mapping[str, float]) -> None:
        """Save the policy if this evaluation is the best yet; the earlier one wins a tie.

        Raises ConfigError when no evaluation has had such a metric.
        """
        if not self._metric:
            return
        if not metrics:
            log.warning("Nothing of the evaluation of step %d could be scored.", step)
            return
        if self._metric not in metrics and self.value is not None:
            log.warning("The evaluation of step %d gives no %s.", step, self._metric)
            return
        if self._metric not in metrics:
            raise ConfigError(
                f"run.keep_best names {self._metric}; the evaluation gives {', '.join(metrics)}."
            )
        value = metrics[self._metric]
        if self.value is not None and self._sign * value <= self._sign * self.value:
            return
        self.value = value
        save_folder(self._folder, self._policy, merge=self._merge)
        if is_main():
            note = {"step": step, **metrics}
            (self._folder / NOTE).write_text(json.dumps(note, indent=2), encoding="utf-8")
