"""When a run gives up because its gradients are never finite."""

from __future__ import annotations

from train_client.config.train_config import TrainConfig

PATIENCE = 5
"""Consecutive steps without an update until a run gives up. A single bad batch is tolerated; but
there is no dynamic loss scaling here, so gradients that stay non-finite do not recover."""


class Stalled(RuntimeError):  # noqa: N818
    """No update is possible any more; the policy is intact, as of the last update."""


def idle_steps(before: int, skipped: float, config: TrainConfig) -> int:
    """Consecutive steps without an update, after one more that skipped `skipped` of its updates.

    Raises Stalled if there are `PATIENCE` of them, or as many as the run has steps.
    """
    if skipped < config.updates_per_step:
        return 0
    idle = before + 1
    if idle >= min(PATIENCE, config.run.steps):
        raise Stalled(
            f"The gradients of {idle} steps in a row were not finite, so that nothing was learned. "
            "If activations overflow, policy.dtype=float32 or policy.attention=eager may help; if "
            "training diverged, start a new run with a lower optimizer.lr."
        )
    return idle
