"""A checkpoint is whole or absent."""

from __future__ import annotations

import copy
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from train_client.config.errors import ConfigError
from train_client.config.sections import RunConfig
from train_client.policy.policy import Policy
from train_client.saved.checkpoint import (
    STATE,
    SaveError,
    checkpoints,
    claim_run_folder,
    load_state,
    load_weights,
    save_checkpoint,
    save_folder,
)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError("No space left"), "No space left"),
        # All that torch's own writer says of it.
        (
            RuntimeError("unexpected pos 8 vs 4\nframe #0"),
            "unexpected pos 8 vs 4. Is the disk full",
        ),
    ],
)
def test_a_crash_while_writing_leaves_the_checkpoint_before(
    tmp_path: Path,
    policy: Policy,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    reason: str,
) -> None:
    save_checkpoint(tmp_path, 1, policy, {"step": 1}, keep=2)

    def crash(*_: Any, **__: Any) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", crash)
        with pytest.raises(SaveError, match=rf"step-2 cannot be written: {reason}\??$"):
            save_checkpoint(tmp_path, 2, policy, {"step": 2}, keep=2)
    assert [path.name for path in tmp_path.iterdir()] == ["step-1"]
    save_checkpoint(tmp_path, 2, policy, {"step": 2}, keep=2)
    assert load_state(checkpoints(tmp_path)[-1])["step"] == 2


def test_a_kill_while_a_checkpoint_is_replaced_leaves_no_part_of_one(
    tmp_path: Path, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resumed run that stops before its next step saves the step it began with once more."""
    save_checkpoint(tmp_path, 1, policy, {"step": "old"}, keep=2)

    def killed(path: Path, ignore_errors: bool = False) -> None:
        """Half of the folder is gone by then."""
        for file in [*path.glob("*")][:1]:
            file.unlink()
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("train_client.saved.checkpoint.shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            save_checkpoint(tmp_path, 1, policy, {"step": "new"}, keep=2)
    (whole,) = checkpoints(tmp_path)
    assert load_state(whole)["step"] == "new"
    load_weights(policy.model, whole)
    save_checkpoint(tmp_path, 2, policy, {}, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-1", "step-2"]


def test_a_kill_between_the_renames_of_a_replacement_loses_nothing(
    tmp_path: Path, policy: Policy
) -> None:
    run = RunConfig(output=tmp_path, resume=True)
    folder = tmp_path / "checkpoints"
    save_checkpoint(folder, 2, policy, {"step": 2}, keep=1)
    (folder / "step-2").rename(folder / ".writing-replaced-step-2")
    claim_run_folder(run)
    assert load_state(folder / "step-2")["step"] == 2
    assert [path.name for path in folder.iterdir()] == ["step-2"]


def test_the_newest_by_number_are_kept(tmp_path: Path, policy: Policy) -> None:
    for step in (9, 10, 11):
        save_checkpoint(tmp_path, step, policy, {}, keep=2)
    assert [path.name for path in checkpoints(tmp_path)] == ["step-10", "step-11"]


def test_a_copy_that_a_person_made_is_no_checkpoint(tmp_path: Path, policy: Policy) -> None:
    """It is neither resumed nor deleted."""
    (tmp_path / "step-1-before-the-cooldown").mkdir()
    for step in (1, 2):
        save_checkpoint(tmp_path, step, policy, {}, keep=1)
    assert [path.name for path in checkpoints(tmp_path)] == ["step-2"]
    assert (tmp_path / "step-1-before-the-cooldown").exists()


def test_what_a_killed_process_left_is_deleted(tmp_path: Path, policy: Policy) -> None:
    (tmp_path / ".writing-step-3").mkdir()
    save_checkpoint(tmp_path, 4, policy, {}, keep=2)
    assert [path.name for path in tmp_path.iterdir()] == ["step-4"]


def test_a_checkpoint_has_its_name_when_all_of_it_is_on_disk(
    tmp_path: Path, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    before: set[int] = set()
    after: set[int] = set()
    flush = os.fsync

    def watched(handle: int) -> None:
        (after if (tmp_path / "step-1").exists() else before).add(os.fstat(handle).st_ino)
        flush(handle)

    monkeypatch.setattr(os, "fsync", watched)
    saved = save_checkpoint(tmp_path, 1, policy, {}, keep=1)
    assert before == {path.stat().st_ino for path in [saved, *saved.iterdir()]}
    assert after == {tmp_path.stat().st_ino}


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path, policy: Policy) -> None:
    """By nothing that a killed process left, and without the state of the one before."""
    save_folder(tmp_path / "best", policy, {"step": 1})
    left = tmp_path / ".writing-best" / "left"
    left.parent.mkdir()
    left.touch()
    save_folder(tmp_path / "best", policy)
    assert [path.name for path in tmp_path.iterdir()] == ["best"]
    names = {path.name for path in (tmp_path / "best").iterdir()}
    assert "config.json" in names
    assert not names & {"left", STATE}


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's list of mapped files")
def test_a_state_stays_in_its_file_until_it_is_read(tmp_path: Path, policy: Policy) -> None:
    moments = torch.arange(4.0)
    saved = save_checkpoint(tmp_path, 1, policy, {"moments": moments}, keep=1)
    loaded = load_state(saved)["moments"]
    assert str(saved) in Path("/proc/self/maps").read_text()
    assert torch.equal(loaded, moments)
    loaded.add_(1)
    assert torch.equal(load_state(saved)["moments"], moments)


def test_weights_come_back_bit_for_bit(tmp_path: Path, policy: Policy) -> None:
    saved = save_checkpoint(tmp_path, 1, policy, {}, keep=1)
    before = {name: p.clone() for name, p in policy.model.named_parameters()}
    with torch.no_grad():
        for parameter in policy.model.parameters():
            parameter.add_(1)
    load_weights(policy.model, saved)
    assert all(torch.equal(before[name], p) for name, p in policy.model.named_parameters())


def test_weights_of_another_model_are_refused(tmp_path: Path, policy: Policy) -> None:
    saved = save_checkpoint(tmp_path, 1, policy, {}, keep=1)
    config = copy.deepcopy(policy.model.config)
    config.text_config.vocab_size += 8
    other = type(policy.model)(config)
    with pytest.raises(ConfigError, match="do not fit the policy"):
        load_weights(other, saved)
    config = copy.deepcopy(policy.model.config)
    config.text_config.num_hidden_layers += 1
    with pytest.raises(ConfigError, match=r"there is no model\.language_model\.layers\.2\."):
        load_weights(type(policy.model)(config), saved)
