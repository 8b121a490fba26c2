"""When a run gives up that learns nothing any more: its gradients are never finite."""

from __future__ import annotations

from train_client.config import TrainConfig

PATIENCE = 5
"""Steps without a single update, one after the other, until a run gives up. One bad batch is passed
over; but no loss scale adapts here, so gradients that stay infinite do not come right by waiting.
"""


class Stalled(RuntimeError):  # noqa: N818
    """Nothing is learned any more; the policy is sound, and what it was some steps before."""


def idle_steps(before: int, skipped: float, config: TrainConfig) -> int:
    """Steps in a row that made no update, after one more that left out `skipped` of its updates.

    Raises Stalled where they are too many; a run that is shorter must learn in one of its steps.
    """
    if skipped < config.updates_per_step:
        return 0
    idle = before + 1
    if idle >= min(PATIENCE, config.run.steps):
        raise Stalled(
            f"The gradients of {idle} steps in a row were not finite, so that nothing was learned. "
            "Where numbers overflow, policy.dtype=float32 or policy.attention=eager may help; "
            "where the training led there, start anew with a lower optimizer.lr."
        )
    return idle
