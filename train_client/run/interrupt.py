"""Stopping a run: SIGTERM or Ctrl-C stops it at its next safe point, a second Ctrl-C at once."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

from train_client.distributed import is_main

log = logging.getLogger(__name__)

POLL = 0.2
"""Seconds between checks for a request to stop."""

Stop = Callable[[], bool]
"""Whether the user wants the work to stop."""


def never() -> bool:
    """The `Stop` of work that is never stopped."""
    return False


class Stopped(Exception):  # noqa: N818
    """The user stopped the run while it sampled or waited for rewards."""


class Interrupt:
    """A context in which the two signals are only recorded.

    Outside the main thread it does nothing, since only the main thread may handle signals.
    """

    def __init__(self) -> None:
        self.signal = 0
        """Number of the first signal that came; 0: none."""
        self._before: dict[int, Any] = {}

    @property
    def asked(self) -> bool:
        return self.signal != 0

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *raised: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self.asked and is_main():
            log.warning("Stopping at the next safe point; Ctrl-C once more stops at once.")
        self.signal = self.signal or number
