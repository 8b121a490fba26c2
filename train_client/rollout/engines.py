"""The engine that samples, as the configuration names it."""

from __future__ import annotations

from train_client.config.train_config import TrainConfig
from train_client.policy.policy import Policy
from train_client.rollout.rollout import RolloutEngine, local_engine
from train_client.rollout.vllm_engine import VllmEngine


def engine_of(config: TrainConfig, policy: Policy) -> RolloutEngine:
    """Raises ConfigError when it is not installed."""
    if config.rollout.engine == "vllm":
        return VllmEngine(config, policy)
    return local_engine(policy)
