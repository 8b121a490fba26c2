"""Samples to ask rewards for, and a client that asks a test's service."""

from __future__ import annotations

from app.schema import Labels, Sample
from tests.train_client.service import Service
from train_client.config.sections import RewardConfig
from train_client.reward.client import RewardClient

LABELS = Labels(visual="safe", text="safe", combined="unsafe")


def samples(count: int, group: int = 1) -> list[Sample]:
    return [
        Sample(id=str(i), group=f"g{i // group}", completion="a" * i, labels=LABELS)
        for i in range(count)
    ]


def client(service: Service, **changes: object) -> RewardClient:
    return RewardClient(RewardConfig.model_validate({"url": service.url, "deadline": 5, **changes}))
