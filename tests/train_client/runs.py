"""Small runs of the trainer, and what of them must be the same to the bit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train_client.config.train_config import TrainConfig, parse_config
from train_client.data.examples import Example
from train_client.policy.policy import Policy
from train_client.report.metrics import read_metrics
from train_client.reward.client import RewardClient
from train_client.run.outcome import Outcome
from train_client.run.train import Trainer

EXACT = ("loss", "kl", "reward", "grad_norm", "length/mean", "clipped")


def settings(output: Path, url: str, **changes: dict[str, Any]) -> TrainConfig:
    tree: dict[str, dict[str, Any]] = {
        "run": {"output": str(output), "steps": 6, "save_every": 2, "progress": False},
        "rollout": {"prompts_per_step": 4, "group_size": 4, "max_tokens": 8},
        "algorithm": {"beta": 0.05},
        "optimizer": {"lr": 0.02},
        "reward": {"url": url, "deadline": 20},
    }
    tree["run"].update({"loggers": [], "plots": False})
    for section, values in changes.items():
        tree[section] = {**tree.get(section, {}), **values}
    return parse_config(tree)


def train(config: TrainConfig, policy: Policy, examples: Sequence[Example], **more: Any) -> Outcome:
    with RewardClient(config.reward) as rewards:
        return Trainer(config, policy, examples, rewards, **more).run()


def steps_done(folder: Path) -> int:
    """For an evaluation that looks at the step at which it is called."""
    return sum("loss" in line for line in read_metrics(folder))


def exact(folder: Path) -> list[list[Any]]:
    lines = [line for line in read_metrics(folder) if "loss" in line]
    return [[line["step"], *(line.get(name) for name in EXACT)] for line in lines]


class Rows:
    """Counts the rows that a policy's model is given, and those that its first layer computes."""

    def __init__(self, policy: Policy) -> None:
        self.given: list[int] = []
        self.computed: list[int] = []
        text = policy.model.get_submodule("model.language_model")
        text.register_forward_pre_hook(
            lambda _, __, inputs: self.given.append(len(inputs["inputs_embeds"])), with_kwargs=True
        )
        text.get_submodule("layers.0.mlp").register_forward_pre_hook(
            lambda _, inputs: self.computed.append(len(inputs[0]))
        )
