"""How a run ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

STOPPED = "Stopped on request."


@dataclass(frozen=True)
class Outcome:
    steps: int
    """Steps done, those before a resume included."""
    finished: bool
    reason: str
    """Why it stopped early, as a sentence; empty if it did not."""
    checkpoint: Path | None
    stopped_by: int = 0
    """Number of the signal by which it was stopped; 0: by none."""

    @property
    def status(self) -> int:
        """What its process ends with, so that nobody takes a stopped run for a finished one."""
        if self.finished:
            return 0
        # As a shell has it for a process that a signal ended.
        return 128 + self.stopped_by if self.stopped_by else 3
