"""The page that Prometheus scrapes: the metrics of all workers, added up.

With several workers, prometheus-client's multiprocess mode adds them up in the folder of
`shared_counts`.
"""

import os
from contextlib import suppress

from prometheus_client import CollectorRegistry, generate_latest, multiprocess

from app.metric_families import registry
from app.shared_counts import shared_folder


def page() -> bytes:
    """All metrics in Prometheus' text format.

    With many runs this takes a fifth of a second, so call it from a thread.
    """
    if not shared_folder():
        return generate_latest(registry)
    forget_dead_workers()
    merged = CollectorRegistry()
    # prometheus-client has types, but not for this module.
    multiprocess.MultiProcessCollector(merged)  # type: ignore[no-untyped-call]
    return generate_latest(merged)


def forget_dead_workers() -> None:
    """Drop the gauges of workers that no longer run; their counters are kept."""
    folder = shared_folder()
    for name in os.listdir(folder) if folder else ():
        pid = name.removesuffix(".db").rpartition("_")[2]
        if name.startswith("gauge_live") and not _is_running(int(pid)):
            with suppress(FileNotFoundError):  # another scrape was faster
                multiprocess.mark_process_dead(  # type: ignore[no-untyped-call]  # as above
                    pid, str(folder)
                )


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs, as another user
        return True
    return True
