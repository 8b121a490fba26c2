"""The time limit under which an answer is read, and why it must be exceeded twice in a row.

Whoever reads an answer sets the limit once; every search by a `TimedPattern` inside is under it.

`regex` measures its limit in processor time of the whole process, so a stalled machine or busy
threads can exhaust it on a pattern that takes a microsecond. A slow pattern is slow again; without
the second try the policy would get a zero for the machine's stall.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, ParamSpec, TypeVar

DEFAULT_SECONDS: Final = 1.0
"""The limit where none is set; all searches are linear."""

_seconds: Final = ContextVar("_seconds", default=DEFAULT_SECONDS)

limit_in_force: Final = _seconds.get
"""() -> seconds that one search may take here and now."""

P = ParamSpec("P")
T = TypeVar("T")


def within(seconds: float, check: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `check`, a pure function, returns if each search in it takes at most `seconds`.

    It is called once more before its TimeoutError is raised.
    """
    before = _seconds.set(seconds)
    try:
        return check(*args, **kwargs)
    except TimeoutError:
        return check(*args, **kwargs)
    finally:
        _seconds.reset(before)
