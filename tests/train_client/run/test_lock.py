"""Two runs never write over each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from train_client.config.errors import ConfigError
from train_client.config.train_config import parse_config
from train_client.demo import demo
from train_client.run.lock import NAME, only_run_in
from train_client.run.run import run_training


def test_a_folder_in_which_a_run_is_trained_is_left_alone(tmp_path: Path) -> None:
    """Before anything is read: a second policy may not fit beside the first."""
    config = parse_config({"run": {"output": str(tmp_path)}, "data": {"train": "no such rows"}})
    with (
        only_run_in(tmp_path),
        pytest.raises(ConfigError, match=r"Another process is training in .*choose another folder"),
    ):
        run_training(config)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_demo_leaves_another_ones_warm_policy_alone(tmp_path: Path) -> None:
    """Of one that has no checkpoint yet nothing else would tell."""
    with only_run_in(tmp_path), pytest.raises(ConfigError, match="Another process is training in"):
        demo(steps=1, seed=1, output=tmp_path, resume=False)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_what_has_ended_is_in_nobodys_way(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    for _ in range(2):
        with only_run_in(folder):
            assert (folder / NAME).exists()


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ConfigError, match="cannot be created or written to"),
        only_run_in(tmp_path / "file" / "run"),
    ):
        pytest.fail("held")


def test_a_lock_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    """Another user's, say; here a folder, since root may write to every file."""
    (tmp_path / NAME).mkdir()
    with (
        pytest.raises(ConfigError, match=r"\.running cannot be written.* another user's and"),
        only_run_in(tmp_path),
    ):
        pytest.fail("held")
