"""Where a process is in a run besides its weights: its place in the data, and every generator."""

from __future__ import annotations

import logging
import math
import random
from typing import Any

import numpy as np
import torch

from train_client.data.feed import PromptFeed
from train_client.distributed import own_seed, rank, world_size

log = logging.getLogger(__name__)


def rng_state() -> dict[str, Any]:
    """Every global generator that training may draw from; of the GPUs that of this process alone,
    as another machine may have another number of them."""
    cuda = torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "torch": torch.get_rng_state(),
        "cuda": cuda,
    }


def restore_rng(state: dict[str, Any]) -> None:
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


def process_state(feed: PromptFeed, sampler: torch.Generator) -> dict[str, Any]:
    return {"cursor": feed.cursor, "sampler": sampler.get_state(), "rng": rng_state()}


def restore_process(
    saved: list[dict[str, Any]], feed: PromptFeed, sampler: torch.Generator, seed: int, step: int
) -> None:
    """Go on from `saved`, the `process_state` of each process of the run before.

    With as many processes as there were, on the same kind of device, exactly. Otherwise with the
    prompts that come next, but other samples: of a generator seeded anew by `seed` and `step`.
    """
    if len(saved) == world_size():
        own = saved[rank()]
        feed.cursor = own["cursor"]
        if own["sampler"].shape == sampler.get_state().shape:
            sampler.set_state(own["sampler"])
            restore_rng(own["rng"])
            return
        change = f"another kind of device and goes on with {sampler.device.type}"
    else:
        used = max(process["cursor"] for process in saved) * len(saved)
        feed.cursor = math.ceil(used / world_size())
        change = f"{len(saved)} processes and goes on with {world_size()}"
    log.warning(
        "The run was on %s: it continues with the next prompts, but its samples are not those that "
        "it would have drawn.",
        change,
    )
    sampler.manual_seed(own_seed(seed) + 7_919 * step)
