"""A worker keeps the memory it has freed, within a bound, for the next batch.

glibc returns free memory at the end of its heap to the system, and the next batch faults it in
again, page by page, which takes as long as parsing it. By default glibc starts to keep 64 MiB once
it has freed a block of 32 MiB; a worker does so from the start. One heap serves all threads, so
that each can use what the others have freed.

Other C libraries are not configured.
"""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Options of glibc's `mallopt`, from `malloc.h`."""

KEPT_BYTES = 64 * 2**20
"""Most free memory that a worker keeps; beyond it, all of it is returned."""
_LARGEST_BLOCK = 32 * 2**20
"""Larger blocks are returned at once; older versions of glibc accept no higher number."""


def keep_freed_memory() -> None:
    """Keep up to `KEPT_BYTES`. Call it before threads that allocate much are started."""
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is None:
        return
    set_option(_ARENA_MAX, 1)
    # Both: setting either disables glibc's dynamic adjustment of the other.
    set_option(_TRIM_THRESHOLD, KEPT_BYTES)
    set_option(_MMAP_THRESHOLD, _LARGEST_BLOCK)
