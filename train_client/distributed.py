"""Several processes with a device each as one trainer: started by torchrun, sharded by FSDP2.

Every process samples and scores its own groups; a group is never split over processes. Weights,
gradients and optimizer state are sharded over all of them (`shard`), gathered while completions are
sampled (`gathered`), and made whole for a checkpoint (`whole`, `like`), which any number of
processes can therefore load. Started without torchrun, all of this does nothing.
"""

from __future__ import annotations

import os
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

from train_client.config import ConfigError, TrainConfig, parse_config

T = TypeVar("T")


LONGEST_WRITE = timedelta(hours=1)
"""Of a checkpoint, for which all processes wait; one of 8 B parameters is 112 GB."""


@contextmanager
def joined(device: str, deadline: float) -> Iterator[None]:
    """With the other processes if torchrun started this one; a GPU is the local rank's.

    `device`: policy.device. `deadline`: reward.deadline, for which one process may wait, in
    seconds, and the others for it. Raises ConfigError where processes would have to share a GPU.
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


def _take_gpu() -> None:
    processes, gpus = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if processes > gpus:
        raise ConfigError(
            f"torchrun started {processes} processes, but this machine has {gpus} GPU(s): give "
            f"--nproc-per-node={gpus}, or set policy.device=cpu."
        )
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))


def world() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def is_main() -> bool:
    """Whether this is the process that writes what the run writes."""
    return rank() == 0


def wait_for_all() -> None:
    if world() > 1:
        dist.barrier()


def gather(value: T) -> list[T]:
    """Every process's value, on every process, in the order of their ranks; small objects only."""
    if world() == 1:
        return [value]
    found: list[T | None] = [None] * world()
    dist.all_gather_object(found, value)
    return found  # type: ignore[return-value]


def total(values: Sequence[float]) -> list[float]:
    """Sums over all processes, in one all-reduce."""
    if world() == 1:
        return list(values)
    sums = torch.tensor(values, dtype=torch.float64)
    dist.all_reduce(sums)
    return sums.tolist()


@contextmanager
def together(*kinds: type[Exception]) -> Iterator[None]:
    """If the block raises one of `kinds` on some process, it does so on all of them.

    Otherwise the others would wait for it at their next collective operation, for ever.
    """
    problem: Exception | None = None
    try:
        yield
    except kinds as error:
        problem = error
    told = gather(None if problem is None else (type(problem), str(problem)))
    if problem is not None:
        raise problem
    for place, other in enumerate(told):
        if other is not None:
            kind, text = other
            raise kind(f"{text} (process {place})")


def share_of(config: TrainConfig) -> TrainConfig:
    """The part of every batch that one of the processes does, as a configuration of its own.

    Raises ConfigError when the batch cannot be shared out evenly, whole groups each.
    """
    prompts, rest = divmod(config.rollout.prompts_per_step, world())
    if rest:
        raise ConfigError(
            f"rollout.prompts_per_step={config.rollout.prompts_per_step} cannot be shared out to "
            f"{world()} processes; make it a multiple of that."
        )
    tree = config.model_dump()
    tree["rollout"]["prompts_per_step"] = prompts
    return parse_config(tree, source=f"The share of one of {world()} processes")


def own_seed(seed: int) -> int:
    """Different for every process, or their groups on one prompt would be the same."""
    return seed + 1_000_003 * rank()


def shard(model: PreTrainedModel) -> None:
    """Shard the weights in place: each decoder layer and vision block by itself, then the rest.

    The blocks are those that the model itself declares must not be split. Gradients are averaged
    over the processes, in float32.
    """
    if world() == 1:
        return
    mesh = init_device_mesh(model.device.type, (world(),))
    precise = MixedPrecisionPolicy(reduce_dtype=torch.float32)
    blocks = set(model._no_split_modules or ())
    for module in [m for m in model.modules() if type(m).__name__ in blocks]:
        fully_shard(module, mesh=mesh, mp_policy=precise)
    fully_shard(model, mesh=mesh, mp_policy=precise)


@contextmanager
def gathered(model: torch.nn.Module) -> Iterator[None]:
    """Keep all weights whole on every process, so that forward passes need no other process.

    Without it each sampled token would gather the weights once, and processes whose completions
    differ in length would wait for each other for ever.
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


def whole(tensor: Tensor) -> Tensor:
    """A tensor as it is, a sharded one put together: on the main process's CPU, empty elsewhere."""
    if not isinstance(tensor, DTensor):
        return tensor
    full: Tensor = tensor.full_tensor().detach()
    return full.cpu() if is_main() else full.new_empty(0)


def like(tensor: Tensor, template: Tensor) -> Tensor:
    """A whole tensor, which every process has, sharded as `template` is (or as it is)."""
    if not isinstance(template, DTensor):
        return tensor
    placed = tensor.to(template.device)
    return distribute_tensor(placed, template.device_mesh, template.placements)
