"""Retries: which responses are retried, and after how long."""

from __future__ import annotations

import random
import time
from email.utils import parsedate_to_datetime

import httpx

FIRST_WAIT = 0.2
LONGEST_WAIT = 10.0
_DOUBLINGS = 6
"""Doublings until the longest wait; a cap, or the power would overflow."""


def retryable(response: httpx.Response) -> tuple[bool, float | None]:
    """Whether asking again may help (408, 429, 5xx), and the seconds that Retry-After names."""
    again = response.status_code in (408, 429) or response.status_code >= 500
    return again, _retry_after(response.headers.get("Retry-After")) if again else None


def _retry_after(value: str | None) -> float | None:
    """Both forms of RFC 9110: seconds, or a date."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


class Backoff:
    """Exponential, with jitter of its own generator: training draws from the global ones."""

    def __init__(self, seed: int | None = None) -> None:
        self.tries = 0
        self._random = random.Random(seed)

    def next(self, at_least: float | None = None) -> float:
        """Seconds before the next try: at most 0.2, 0.4, 0.8 … 10, at least half of it."""
        wait = min(FIRST_WAIT * 2.0 ** min(self.tries, _DOUBLINGS), LONGEST_WAIT)
        self.tries += 1
        return max(wait * self._random.uniform(0.5, 1.0), at_least or 0.0)
