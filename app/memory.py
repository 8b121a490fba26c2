"""Memory that a worker has freed stays with it, within a bound, for the next batch.

glibc gives what is free at its heap's end back to the system, and the next batch takes it again,
page by page, which takes as long as parsing it. Left alone, glibc comes to keep 64 MiB once it has
freed a block of 32 MiB; a worker does so from its start. And there is one heap for all threads,
which use what the others have freed.

Other C libraries are left as they are.
"""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Names of glibc's options, from `malloc.h`."""

KEPT_BYTES = 64 * 2**20
"""A worker keeps up to so much free memory; where there is more, it gives all of it back."""
_LARGEST_BLOCK = 32 * 2**20
"""Larger blocks go back to the system at once; older glibc takes no higher number."""


def keep_freed_memory() -> None:
    """Keep up to `KEPT_BYTES`. To be called before there are threads that need much memory."""
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is None:
        return
    set_option(_ARENA_MAX, 1)
    # Both: setting one of them ends glibc's own adjustment of the other.
    set_option(_TRIM_THRESHOLD, KEPT_BYTES)
    set_option(_MMAP_THRESHOLD, _LARGEST_BLOCK)
