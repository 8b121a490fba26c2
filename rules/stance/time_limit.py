"""A time limit is believed when it is exceeded twice.

`regex` measures its limit by the processor time of the whole process. A stall of the machine, or
other threads at work, can use it up on a pattern that takes a microsecond; a pattern that is slow
is slow again. Without the second try such a stall would be the policy's zero.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def retry_on_timeout(check: Callable[P, T]) -> Callable[P, T]:
    """`check`, a pure function, tried once more before its TimeoutError is raised."""

    @wraps(check)
    def tried_again(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return check(*args, **kwargs)
        except TimeoutError:
            return check(*args, **kwargs)

    return tried_again
