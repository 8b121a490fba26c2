"""What a run is: one YAML file, checked before anything is loaded, and saved beside its results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError, model_validator

from train_client.config.checks import check
from train_client.config.errors import sentences
from train_client.config.sections import (
    AlgorithmConfig,
    DataConfig,
    Kl,
    LoraConfig,
    Loss,
    OptimizerConfig,
    PolicyConfig,
    RetentionConfig,
    RewardConfig,
    RolloutConfig,
    RunConfig,
    Scale,
    Section,
)

__all__ = [
    "AlgorithmConfig",
    "ConfigError",
    "DataConfig",
    "Kl",
    "LoraConfig",
    "Loss",
    "OptimizerConfig",
    "PolicyConfig",
    "RetentionConfig",
    "RewardConfig",
    "RolloutConfig",
    "RunConfig",
    "Scale",
    "TrainConfig",
    "parse_config",
]


class ConfigError(ValueError):
    """The configuration cannot be used; the message names the key and what is allowed."""


class TrainConfig(Section):
    run: RunConfig = RunConfig()
    policy: PolicyConfig = PolicyConfig()
    data: DataConfig = DataConfig()
    rollout: RolloutConfig = RolloutConfig()
    algorithm: AlgorithmConfig = AlgorithmConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    retention: RetentionConfig = RetentionConfig()
    reward: RewardConfig = RewardConfig()

    @model_validator(mode="after")
    def _can_be_meant(self) -> TrainConfig:
        check(self)
        return self

    @property
    def updates_per_step(self) -> int:
        """Optimizer steps that one rollout batch is learned from in."""
        return self.optimizer.minibatches * self.algorithm.updates_per_batch

    def save(self, path: Path) -> None:
        """Write the whole configuration, defaults included, as YAML."""
        path.write_text(self.as_yaml())

    def as_yaml(self) -> str:
        """The text that `save` writes."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def parse_config(tree: dict[str, Any], source: str = "the configuration") -> TrainConfig:
    """Validate a nested mapping.

    Raises ConfigError with a sentence that names `source`, the key and what is allowed.
    """
    try:
        return TrainConfig.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(f"{source} cannot be used:\n  {sentences(error, TrainConfig)}") from error
