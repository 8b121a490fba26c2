"""Several processes with a device each as one trainer: started by torchrun, sharded by FSDP2.

Every process samples and scores its own groups; a group is never split over processes. Weights,
gradients and optimizer state are sharded over all of them (`shard`), the weights unsharded while
completions are sampled (`unsharded`). A checkpoint holds full tensors (`full_tensor`), which any
number of processes can load (`sharded_like`). Started without torchrun, all of this does nothing.
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

from train_client.config import ConfigError, TrainConfig, parse_config

T = TypeVar("T")


LONGEST_WRITE = timedelta(hours=1)
"""Time to write a checkpoint, for which all processes wait; of 8 B parameters it is 112 GB."""


@contextmanager
def joined(device: str, deadline: float) -> Iterator[None]:
    """A context that joins the other processes, if torchrun started this one; each has its own GPU.

    `device`: policy.device. `deadline`: reward.deadline, the seconds that one process may wait for
    the service and all others for it. Raises ConfigError where processes would share a GPU.
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
    """Wait for gloo's threads to let go of the tensors of the last collective operation.

    They outlive the process group, since caches of torch's hold it, and nothing tells when they are
    idle. One that frees a tensor as Python ends takes the process down with SIGABRT, so that
    torchrun calls a finished run failed (pytorch/pytorch#190489; not from Python 3.14 on).
    """
    time.sleep(0.5)


def _take_gpu() -> None:
    processes, gpus = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if processes > gpus:
        raise ConfigError(
            f"torchrun started {processes} processes, but this machine has {gpus} GPU(s): give "
            f"--nproc-per-node={gpus}, or set policy.device=cpu."
        )
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))


def world_size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def is_main() -> bool:
    """Whether this is the process that writes what the run writes."""
    return rank() == 0


def wait_for_all() -> None:
    if world_size() > 1:
        dist.barrier()


def all_gather(value: T) -> list[T]:
    """Every process's value, on every process, in the order of ranks; small objects only."""
    if world_size() == 1:
        return [value]
    values: list[T | None] = [None] * world_size()
    dist.all_gather_object(values, value)
    return values  # type: ignore[return-value]


def all_reduce_sum(values: Sequence[float]) -> list[float]:
    """Sums over all processes, in one all-reduce."""
    if world_size() == 1:
        return list(values)
    sums = torch.tensor(values, dtype=torch.float64)
    dist.all_reduce(sums)
    return sums.tolist()


@contextmanager
def raised_everywhere(*kinds: type[Exception]) -> Iterator[None]:
    """If the block raises one of `kinds` on one process, it raises on all of them.

    Otherwise the others would wait for that one at the next collective operation, for ever.
    """
    problem: Exception | None = None
    try:
        yield
    except kinds as error:
        problem = error
    # Sent as one of `kinds`, which is made of a sentence; a subclass may want other arguments.
    kind = next((kind for kind in kinds if isinstance(problem, kind)), None)
    problems = all_gather(None if kind is None else (kind, str(problem)))
    if problem is not None:
        raise problem
    for place, other in enumerate(problems):
        if other is not None:
            shared, text = other
            raise shared(f"{text} (process {place})")


def process_share(config: TrainConfig) -> TrainConfig:
    """The configuration of one process: of every batch it does its share of the prompts.

    Raises ConfigError when the batch cannot be shared out evenly, whole groups each.
    """
    prompts, rest = divmod(config.rollout.prompts_per_step, world_size())
    if rest:
        raise ConfigError(
            f"rollout.prompts_per_step={config.rollout.prompts_per_step} cannot be shared out to "
            f"{world_size()} processes; make it a multiple of that."
        )
    tree = config.model_dump()
    tree["rollout"]["prompts_per_step"] = prompts
    return parse_config(tree, source=f"The share of one of {world_size()} processes")


def own_seed(seed: int) -> int:
    """Different for every process, or their groups on one prompt would be the same."""
    return seed + 1_000_003 * rank()


def shard(model: PreTrainedModel) -> None:
    """Shard the weights in place: each decoder layer and vision block by itself, then the rest.

    The blocks are those that the model itself declares must not be split. Gradients are averaged
    over the processes, in float32.
    """
    if world_size() == 1:
        return
    mesh = init_device_mesh(model.device.type, (world_size(),))
    precise = MixedPrecisionPolicy(reduce_dtype=torch.float32)
    blocks = set(model._no_split_modules or ())
    for module in [m for m in model.modules() if type(m).__name__ in blocks]:
        fully_shard(module, mesh=mesh, mp_policy=precise)
    fully_shard(model, mesh=mesh, mp_policy=precise)


@contextmanager
def unsharded(model: torch.nn.Module) -> Iterator[None]:
    """A context in which every process has all weights, so that no forward pass gathers them.

    Otherwise each sampled token would gather them once, and processes whose completions differ in
    length would wait for each other for ever.
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
    """A sharded tensor put together, on the main process's CPU and empty elsewhere; any other as
    it is."""
    if not isinstance(tensor, DTensor):
        return tensor
    full: Tensor = tensor.full_tensor().detach()
    return full.cpu() if is_main() else full.new_empty(0)


def sharded_like(tensor: Tensor, template: Tensor) -> Tensor:
    """A full tensor, which every process has, sharded as `template` is, if that is sharded."""
    if not isinstance(template, DTensor):
        return tensor
    placed = tensor.to(template.device)
    return distribute_tensor(placed, template.device_mesh, template.placements)
