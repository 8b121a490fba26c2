"""The page that Prometheus reads: the statistics of all workers together.

With several workers, prometheus-client's multiprocess mode adds them up in the directory that the
`serve` command sets.
"""

import os
from contextlib import suppress

from prometheus_client import CollectorRegistry, generate_latest, multiprocess

from app.metric_families import registry
from app.shared_counts import shared_folder


def page() -> bytes:
    """All statistics in Prometheus' text format.

    With many runs it takes a fifth of a second; any thread may do it.
    """
    if not shared_folder():
        return generate_latest(registry)
    forget_dead_workers()
    merged = CollectorRegistry()
    # prometheus-client has types, but not for this module.
    multiprocess.MultiProcessCollector(merged)  # type: ignore[no-untyped-call]
    return generate_latest(merged)


def forget_dead_workers() -> None:
    """Take the gauges of workers that are no more out of the sums; their counters stay in."""
    folder = shared_folder()
    for name in os.listdir(folder) if folder else ():
        pid = name.removesuffix(".db").rpartition("_")[2]
        if name.startswith("gauge_live") and not _lives(int(pid)):
            with suppress(FileNotFoundError):  # another scrape was quicker
                multiprocess.mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives, and is another user's
        return True
    return True
