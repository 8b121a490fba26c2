"""Checkpoints, written atomically: after a crash, each is complete or absent.

A checkpoint is a folder that `from_pretrained` loads, plus `trainer.pt`. It is written as a draft
and gets its name once it is complete and flushed to disk.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoModelForImageTextToText, PreTrainedModel

from train_client.config.errors import ConfigError
from train_client.config.sections import RunConfig
from train_client.distributed import is_main, sharded_like, wait_for_all
from train_client.policy.adapter import adapter_file, has_adapter
from train_client.policy.policy import Policy

_NAME = re.compile(r"step-(\d+)")
_DRAFT = ".writing-"
_REPLACED = f"{_DRAFT}replaced-"
STATE = "trainer.pt"


class SaveError(RuntimeError):
    """A checkpoint cannot be written, for instance on a full disk; earlier ones are intact."""


def claim_run_folder(run: RunConfig) -> None:
    """Create the run's folder.

    Raises ConfigError if it is not writable, or if it holds a run that this one does not resume.
    """
    _restore_replaced(run.output / "checkpoints")
    existing = checkpoints(run.output / "checkpoints")
    if existing and not run.resume:
        raise ConfigError(
            f"{run.output} already holds a run of {step_of(existing[-1])} steps. "
            "Continue it with run.resume=true, or choose another run.output."
        )
    make_run_folder(run.output)


def _restore_replaced(folder: Path) -> None:
    """Undo a replacement that was killed halfway: the replaced checkpoint gets its name back."""
    for replaced in folder.glob(f"{_REPLACED}*"):
        final = folder / replaced.name.removeprefix(_REPLACED)
        if not final.exists():
            with suppress(FileNotFoundError):  # another process did it first
                replaced.rename(final)


def make_run_folder(folder: Path) -> None:
    """Create the folder. Raises ConfigError if it is not writable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ConfigError(
            f"The run's folder {folder} cannot be created or written to: {error.strerror}."
        ) from error


def checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    complete = [path for path in folder.glob("step-*") if _NAME.fullmatch(path.name)]
    return sorted(complete, key=step_of)


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("step-"))


def save_checkpoint(
    folder: Path, step: int, policy: Policy, state: dict[str, Any], keep: int
) -> Path:
    """Write `folder/step-N` and delete all but the newest `keep` checkpoints.

    All processes must call this, since each holds a shard of the weights; the main one writes.
    """
    final = folder / f"step-{step}"
    if is_main():
        # A process that was killed while writing leaves its draft behind.
        for draft in folder.glob(f"{_DRAFT}*"):
            shutil.rmtree(draft, ignore_errors=True)
    save_folder(final, policy, state)
    if is_main():
        for old in checkpoints(folder)[:-keep]:
            shutil.rmtree(old)
    return final


def save_folder(
    final: Path, policy: Policy, state: dict[str, Any] | None = None, *, merge: bool = False
) -> None:
    """Write the policy, and `state` if given, so that `final` is complete whenever it exists.

    Raises SaveError if it cannot be written.
    """
    draft = final.with_name(f"{_DRAFT}{final.name}")
    with _discarded_on_error(draft, final):
        if is_main():
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
        policy.save(draft, merge=merge)
        if is_main():
            if state is not None:
                _save_state(state, draft / STATE)
            for path in [*draft.rglob("*"), draft]:
                _flush(path)
            _publish(draft, final)
    wait_for_all()


def _publish(draft: Path, final: Path) -> None:
    """Rename the draft to `final`; a folder it replaces is renamed first and deleted last.

    Deleting many gigabytes takes seconds, and a process that is killed meanwhile would leave a
    partial folder under the name of a complete checkpoint.
    """
    replaced = final.with_name(f"{_REPLACED}{final.name}")
    shutil.rmtree(replaced, ignore_errors=True)
    if final.exists():
        final.rename(replaced)
    draft.rename(final)
    _flush(final.parent)
    shutil.rmtree(replaced, ignore_errors=True)


@contextmanager
def _discarded_on_error(draft: Path, final: Path) -> Iterator[None]:
    """A context that deletes the draft and raises SaveError if something cannot be written."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise SaveError(f"{final} cannot be written: {error}") from error


def _save_state(state: dict[str, Any], path: Path) -> None:
    try:
        torch.save(state, path)
    except RuntimeError as error:
        # On a full disk, torch's own message is only about unexpected positions in the file.
        first, *_ = str(error).split("\n")
        raise OSError(f"{first}. Is the disk full?") from error


def load_state(checkpoint: Path) -> dict[str, Any]:
    """The state that `save_checkpoint` saved. It is a pickle: load only trusted checkpoints.

    The tensors are memory-mapped, because every process on a machine loads the whole optimizer
    state but keeps only its shards.
    """
    state: dict[str, Any] = torch.load(
        checkpoint / STATE, map_location="cpu", weights_only=False, mmap=True
    )
    return state


def load_weights(model: PreTrainedModel, checkpoint: Path) -> None:
    """Copy the weights of a saved policy, or of its adapter, into an existing model.

    Raises ConfigError if they are of another architecture or size.
    """
    try:
        if has_adapter(model):
            _copy(model, adapter_file(model, checkpoint))
        else:
            saved = AutoModelForImageTextToText.from_pretrained(checkpoint, dtype=model.dtype)
            if missing := model.state_dict().keys() - saved.state_dict().keys():
                raise ValueError(f"there is no {min(missing)}")
            _copy(model, saved.state_dict())
    except (OSError, RuntimeError, ValueError, KeyError, SafetensorError) as error:
        raise ConfigError(
            f"The weights in {checkpoint} do not fit the policy of this run: {error}"
        ) from error


@torch.no_grad()
def _copy(model: PreTrainedModel, weights: dict[str, Tensor]) -> None:
    present = model.state_dict()
    for name, tensor in weights.items():
        if tensor.shape != present[name].shape:  # `copy_` would broadcast it
            raise ValueError(f"{name} is {[*tensor.shape]}, not {[*present[name].shape]}")
        present[name].copy_(sharded_like(tensor, present[name]))


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
