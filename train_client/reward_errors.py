"""Why there are no rewards: what the client of the service raises."""

from __future__ import annotations

from typing import Self


class RewardError(RuntimeError):
    """No reward can be had; the run must checkpoint and stop."""


class RewardRejected(RewardError):  # noqa: N818
    """The service refused the request itself; sending it again would not help."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status."""

    def __reduce__(self) -> tuple[type[Self], tuple[str, int]]:
        """Trainers that score in processes of their own send it to where it is raised."""
        return type(self), (str(self), self.status)


class RewardUnavailable(RewardError):  # noqa: N818
    """The service did not answer until the deadline."""


class RewardVersionChanged(RewardError):  # noqa: N818
    """The reward is not the one this run started with."""
