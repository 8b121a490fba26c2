"""What a step costs: its memory, and its phases' seconds, timed by name in the loop's own text."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class Timer:
    """`with timer("rollout"): …`: seconds by phase since the last `take`.

    A GPU is waited for, so work counts where it is.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            if self._device.type == "cuda":
                torch.cuda.synchronize(self._device)
            spent = time.perf_counter() - started
            self._seconds[phase] = self._seconds.get(phase, 0.0) + spent

    def take(self) -> dict[str, float]:
        """Seconds by phase, and start anew."""
        seconds, self._seconds = self._seconds, {}
        return seconds


def peak_memory(device: torch.device) -> dict[str, float]:
    """The most GiB in use on this process's GPU since the last call; nothing on a CPU."""
    if device.type != "cuda":
        return {}
    peak = torch.cuda.max_memory_allocated(device) / 2**30
    reserved = torch.cuda.max_memory_reserved(device) / 2**30
    torch.cuda.reset_peak_memory_stats(device)
    return {"memory/peak_gib": peak, "memory/reserved_gib": reserved}
