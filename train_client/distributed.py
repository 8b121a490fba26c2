"""Training with several processes, one per device: started by torchrun, sharded by FSDP2.

Each process samples and scores its own groups; a group is never split over processes. Weights,
gradients and optimizer state are sharded over all processes (`shard`); the weights are unsharded
while completions are sampled (`unsharded`). A checkpoint holds full tensors (`full_tensor`), which
any number of processes can load (`sharded_like`). Without torchrun there is one process, for which
all of these do nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import PreTrainedModel

from train_client.config.errors import ConfigError
from train_client.config.train_config import TrainConfig, parse_config

T = TypeVar("T")


LONGEST_WRITE = timedelta(hours=1)
"""Time to write a checkpoint while all processes wait; with 8 B parameters it has 112 GB."""


@contextmanager
def joined(device: str, deadline: float) -> Iterator[None]:
    """A context in which this process is one of those that torchrun started, with a GPU of its own.

    `device`: policy.device. `deadline`: reward.deadline, the seconds that one process may wait for
    the service, and so the others for it. Raises ConfigError if processes would share a GPU.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        yield
        return
    backend = "gloo"
    if device != "cpu" and torch.cuda.is_available():
        _take_gpu()
        backend = "cpu:gloo,cuda:nccl"
    dist.init_process_group(backend, timeout=LONGEST_WRITE + timedelta(seconds=deadline))
    try:
        yield
    finally:
        dist.destroy_process_group()
        _let_gloo_settle()


def _let_gloo_settle() -> None:
    """Wait for gloo's threads to release the tensors of the last collective operation.

    The threads outlive the process group, which caches inside torch hold, and do not report when
    they are idle. One that frees a tensor while Python exits aborts the process (SIGABRT), and
    torchrun then reports a finished run as failed (pytorch/pytorch#190489; before Python 3.14).
    """
    time.sleep(0.5)


def _take_gpu() -> None:
    """Make this process's GPU the current one. Raises ConfigError if there are too few."""
    processes, gpus = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if processes > gpus:
        raise ConfigError(
            f"torchrun started {processes} processes, but this machine has {gpus} GPU(s): give "
            f"--nproc-per-node={gpus}, or set policy.device=cpu."
        )
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))


def world_size() -> int:
    """The number of processes; 1 without torchrun."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """The number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_main() -> bool:
    """Whether this is the process that writes the run's files and logs."""
    return rank() == 0


def wait_for_all() -> None:
    if world_size() > 1:
        dist.barrier()


def all_gather(value: T) -> list[T]:
    """The values of all processes, in order of rank, on every process; for small objects only."""
    if world_size() == 1:
        return [value]
    values: list[T | None] = [None] * world_size()
    dist.all_gather_object(values, value)
    return values  # type: ignore[return-value]


def all_reduce_sum(values: Sequence[float]) -> list[float]:
    """Sum each value over all processes, in one all-reduce."""
    if world_size() == 1:
        return list(values)
    sums = torch.tensor(values, dtype=torch.float64)
    dist.all_reduce(sums)
    return sums.tolist()


@contextmanager
def raised_everywhere(*kinds: type[Exception]) -> Iterator[None]:
    """A context that, if it raises one of `kinds` on one process, raises on all of them.

    Otherwise the others would wait for that process at the next collective operation, forever.
    """
    own: Exception | None = None
    try:
        yield
    except kinds as error:
        own = error
    # Sent as one of `kinds`, which take a message alone; a subclass may take other arguments.
    own_kind = next((kind for kind in kinds if isinstance(own, kind)), None)
    errors = all_gather(None if own_kind is None else (own_kind, str(own)))
    if own is not None:
        raise own
    for process, error_there in enumerate(errors):
        if error_there is not None:
            kind, message = error_there
            raise kind(f"{message} (process {process})")


def prompts_per_process(config: TrainConfig) -> int:
    """The prompts of each step that one process samples and learns from.

    Raises ConfigError if the step's prompts cannot be divided equally, or a share of them cannot be
    divided into minibatches and passes.
    """
    prompts, rest = divmod(config.rollout.prompts_per_step, world_size())
    if rest:
        raise ConfigError(
            f"rollout.prompts_per_step={config.rollout.prompts_per_step} cannot be divided equally "
            f"among {world_size()} processes; make it a multiple of that."
        )
    tree = config.model_dump()
    tree["rollout"]["prompts_per_step"] = prompts
    parse_config(tree, source=f"The share of one of {world_size()} processes")
    return prompts


def own_seed(seed: int) -> int:
    """A seed for each process, so that no two sample the same completions of a prompt."""
    return seed + 1_000_003 * rank()


def shard(model: PreTrainedModel) -> None:
    """Shard the weights in place: each decoder layer and vision block separately, then the rest.

    Those blocks are the modules that the model declares as not to be split. Gradients are averaged
    over the processes, in float32.
    """
    if world_size() == 1:
        return
    mesh = init_device_mesh(model.device.type, (world_size(),))
    float32_gradients = MixedPrecisionPolicy(reduce_dtype=torch.float32)
    blocks = set(model._no_split_modules or ())
    for module in [m for m in model.modules() if type(m).__name__ in blocks]:
        fully_shard(module, mesh=mesh, mp_policy=float32_gradients)
    fully_shard(model, mesh=mesh, mp_policy=float32_gradients)


@contextmanager
def unsharded(model: torch.nn.Module) -> Iterator[None]:
    """A context in which every process holds all weights, so that no forward pass gathers them.

    Otherwise they would be gathered for each sampled token, and processes whose completions differ
    in length would wait for each other forever.
    """
    sharded = [module for module in model.modules() if isinstance(module, FSDPModule)]
    for module in sharded:
        module.unshard()
        module.set_reshard_after_forward(False, recurse=False)
    try:
        yield
    finally:
        for module in sharded:
            module.set_reshard_after_forward(True, recurse=False)
            module.reshard()


def full_tensor(tensor: Tensor) -> Tensor:
    """The full tensor: of a sharded one on the CPU of the main process, and empty on the others.

    A tensor that is not sharded is returned as it is. All processes must call this together.
    """
    if not isinstance(tensor, DTensor):
        return tensor
    full: Tensor = tensor.full_tensor().detach()
    return full.cpu() if is_main() else full.new_empty(0)


def sharded_like(tensor: Tensor, template: Tensor) -> Tensor:
    """A full tensor, the same on every process, sharded as `template` is, if that is sharded."""
    if not isinstance(template, DTensor):
        return tensor
    placed = tensor.to(template.device)
    return distribute_tensor(placed, template.device_mesh, template.placements)
