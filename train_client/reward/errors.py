"""Exceptions of the reward client."""

from __future__ import annotations

from typing import Self


class RewardError(RuntimeError):
    """There are no rewards; the run must checkpoint and stop."""


class RewardRejected(RewardError):  # noqa: N818
    """The service refused the request; a retry would not help."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status."""

    def __reduce__(self) -> tuple[type[Self], tuple[str, int]]:
        """Picklable, since some trainers score in other processes."""
        return type(self), (str(self), self.status)


class RewardUnavailable(RewardError):  # noqa: N818
    """The service did not answer before the deadline."""


class RewardVersionChanged(RewardError):  # noqa: N818
    """The reward is not the one this run started with."""
