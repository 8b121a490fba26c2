"""Two runs never write over each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.train_client.runs import settings, train
from tests.train_client.service import Service
from train_client.config import ConfigError
from train_client.data import Example
from train_client.metrics import METRICS
from train_client.policy import Policy
from train_client.run_lock import only_run_in


def test_a_folder_in_which_a_run_is_trained_is_left_alone(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    """Of one that has no checkpoint yet nothing else would tell."""
    config = settings(tmp_path, service.url, run={"steps": 1})
    (tmp_path / METRICS).write_text("of the other\n")
    with (
        only_run_in(tmp_path),
        pytest.raises(ConfigError, match=r"Another process trains in .*choose another run\.output"),
    ):
        train(config, policy, examples)
    assert (tmp_path / METRICS).read_text() == "of the other\n"
    assert train(config, policy, examples).finished
