"""AdamW over float32 master weights, and the learning-rate schedule.

At lr 1e-6 an update is far smaller than half a unit in the last place of most bfloat16 weights, so
adding it to them directly rounds it away. The optimizer therefore keeps float32 master weights,
updates those, and copies them back rounded. Gradients are accumulated in float32 as well, because
a batch takes many passes, and bfloat16 would lose the small ones.
"""

from __future__ import annotations

import logging
import math
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from train_client.config.errors import ConfigError
from train_client.config.sections import OptimizerConfig
from train_client.distributed import full_tensor, sharded_like

log = logging.getLogger(__name__)


class MasterAdamW:
    """AdamW on the trainable parameters; those of lower precision get a float32 master copy."""

    def __init__(self, model: PreTrainedModel, config: OptimizerConfig) -> None:
        self._config = config
        self._weights = [p for p in model.parameters() if p.requires_grad]
        if not self._weights:
            raise ConfigError(
                "No weight of the policy can be trained: policy.path is an adapter, which is "
                "loaded frozen. Give a whole model, such as one saved with policy.lora.merge=true."
            )
        self._masters = [p if p.dtype == torch.float32 else _master(p) for p in self._weights]
        for weight, master in self._with_master():
            weight.register_post_accumulate_grad_hook(partial(_move_gradient, master))
        # Norm gains and biases are 1-D; decaying gains would pull them to zero.
        decayed = [m for m in self._masters if m.ndim > 1]
        rest = [m for m in self._masters if m.ndim <= 1]
        self._adam = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": config.weight_decay},
                {"params": rest, "weight_decay": 0.0},
            ],
            lr=config.lr,
            betas=config.betas,
            eps=config.eps,
            foreach=True,
        )

    def step(self, lr: float) -> float:
        """Clip the gradients to `max_grad_norm`, update, and clear them.

        Returns the gradient norm before clipping; if it is not finite, the update is skipped.
        """
        norm = torch.nn.utils.clip_grad_norm_(self._masters, self._config.max_grad_norm)
        norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
        for group in self._adam.param_groups:
            group["lr"] = lr
        if torch.isfinite(norm):
            self._adam.step()
        else:
            log.warning("The gradient is not finite; this update is skipped.")
        self._adam.zero_grad()
        with torch.no_grad():
            for weight, master in self._with_master():
                weight.copy_(master)
        return float(norm)

    def _with_master(self) -> list[tuple[Tensor, Tensor]]:
        """(weight, master) of the weights that have a separate master."""
        pairs = zip(self._weights, self._masters, strict=True)
        return [(weight, master) for weight, master in pairs if master is not weight]

    def state_dict(self) -> dict[str, Any]:
        """Unsharded tensors; all processes must call this together."""
        adam = self._adam.state_dict()
        moments = {
            place: {name: full_tensor(value) for name, value in values.items()}
            for place, values in adam["state"].items()
        }
        masters = [
            None if master is weight else full_tensor(master.detach())
            for weight, master in zip(self._weights, self._masters, strict=True)
        ]
        return {"adam": {**adam, "state": moments}, "masters": masters}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a saved state; the model's weights must have been loaded before."""
        owners = [master for group in self._adam.param_groups for master in group["params"]]
        moments = {
            place: {
                name: sharded_like(value, owners[place]) if value.ndim else value
                for name, value in values.items()
            }
            for place, values in state["adam"]["state"].items()
        }
        # Keep this run's hyperparameters, which may differ from the saved ones.
        self._adam.load_state_dict({**self._adam.state_dict(), "state": moments})
        self._detach_from_file()
        with torch.no_grad():
            for weight, master, saved in zip(
                self._weights, self._masters, state["masters"], strict=True
            ):
                # Float32 weights are their own masters and have no saved one.
                master.copy_(weight if saved is None else sharded_like(saved, master))

    def _detach_from_file(self) -> None:
        """Copy loaded tensors that stay on the CPU, such as step counts: as views of a
        memory-mapped checkpoint they would keep its disk space in use even after it is deleted."""
        for values in self._adam.state.values():
            for name, value in values.items():
                if value.device.type == "cpu":
                    values[name] = value.clone()


def _move_gradient(master: Tensor, weight: Tensor) -> None:
    """Accumulate the gradient of a low-precision weight in its master's, and clear it."""
    if weight.grad is None:
        return
    gradient = weight.grad.float()
    master.grad = gradient if master.grad is None else master.grad.add_(gradient)
    weight.grad = None


def _master(weight: Tensor) -> Tensor:
    return weight.detach().float().requires_grad_()


def learning_rate(config: OptimizerConfig, update: int, total: int) -> float:
    """Learning rate of update `update` (from 0) of `total`: linear warm-up, then the schedule."""
    if update < config.warmup_steps:
        return config.lr * (update + 1) / config.warmup_steps
    if config.schedule == "constant":
        return config.lr
    done = (update - config.warmup_steps) / max(1, total - config.warmup_steps)
    if config.schedule == "linear":
        return config.lr * (1 - done)
    return config.lr * 0.5 * (1 + math.cos(math.pi * done))


def step_rates(config: OptimizerConfig, step: int, steps: int, updates: int) -> list[float]:
    """Learning rates of the `updates` optimizer steps of rollout step `step` (from 0)."""
    first, total = step * updates, steps * updates
    return [learning_rate(config, first + update, total) for update in range(updates)]
