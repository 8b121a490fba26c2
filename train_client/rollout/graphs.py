"""CUDA graphs of a function, one a key: recorded at the second run of a key, then replayed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable

import torch
from torch import Tensor

log = logging.getLogger(__name__)


class Graphs:
    """The function must be idempotent, and read and write tensors at fixed addresses alone.

    The first run of a key is an ordinary one, because a recording may not initialise anything. All
    graphs share their memory, so a result lasts until the next run. Not `enabled`, or where
    recording fails, every run is an ordinary one.
    """

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._seen: set[Hashable] = set()
        self._recorded: dict[Hashable, tuple[torch.cuda.CUDAGraph, Tensor]] = {}
        self._pool = torch.cuda.graph_pool_handle() if enabled else None

    def run(self, key: Hashable, function: Callable[[], Tensor]) -> Tensor:
        if not self._enabled or key not in self._seen:
            self._seen.add(key)
            return function()
        if key not in self._recorded and not self._record(key, function):
            return function()
        graph, result = self._recorded[key]
        graph.replay()
        return result

    def _record(self, key: Hashable, function: Callable[[], Tensor]) -> bool:
        """Whether it could be recorded; if not, nothing is recorded any more."""
        graph = torch.cuda.CUDAGraph()
        random = torch.cuda.default_generators[torch.cuda.current_device()]
        before = random.clone_state()
        try:
            with torch.cuda.graph(graph, pool=self._pool):
                result = function()
        except RuntimeError as error:
            log.warning("Decoding goes on without CUDA graphs, which is slower: %s", error)
            # A recording that failed leaves it where no random number can be drawn any more.
            random.graphsafe_set_state(before)
            self._enabled = False
            return False
        self._recorded[key] = graph, result
        return True

    def clear(self) -> None:
        """Forget all graphs: the addresses that they know are gone."""
        self._recorded.clear()
        self._seen.clear()
        # The memory of the last graph went with it, and its handle is no longer good.
        self._pool = torch.cuda.graph_pool_handle() if self._enabled else None
