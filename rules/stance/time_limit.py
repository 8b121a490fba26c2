"""A time limit counts only if it is exceeded twice in a row.

`regex` measures its limit in processor time of the whole process, so a stalled machine or busy
threads can exhaust it on a pattern that takes a microsecond. A slow pattern is slow again; without
the second try the policy would get a zero for the machine's stall.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def retry_on_timeout(check: Callable[P, T]) -> Callable[P, T]:
    """`check`, a pure function, called once more before its TimeoutError is raised."""

    @wraps(check)
    def retried(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return check(*args, **kwargs)
        except TimeoutError:
            return check(*args, **kwargs)

    return retried
