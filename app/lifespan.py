"""A worker's lifespan: startup, heartbeat, draining on SIGTERM, and the last counts at shutdown."""

import asyncio
import contextlib
import faulthandler
import gc
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType

from app import exposition, metrics
from app.logs import failure
from app.memory import keep_freed_memory
from app.service import Service
from app.shared_counts import hold, shared_folder
from app.warmup import warm_up

log = logging.getLogger("safegrpo.lifespan")

HEARTBEAT_SECONDS = 0.25

HUNG_SECONDS = 30
"""A worker whose heartbeat fails for this long is replaced. Importing, during which there is none,
takes about a second, and much longer where many processes share a processor."""


@asynccontextmanager
async def serving(service: Service) -> AsyncIterator[None]:
    """A context in which the service answers requests."""
    try:
        heartbeat = _start(service)
    except Exception as error:
        log.error("the service cannot start", extra={"event": failure(error)})
        raise
    service.ready = True
    try:
        yield
    finally:
        service.ready = False
        heartbeat.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await heartbeat
        await service.close()


def _start(service: Service) -> asyncio.Task[None]:
    """Prepare to answer requests; returns the running heartbeat."""
    keep_freed_memory()
    if folder := shared_folder():
        hold(folder)
    exposition.forget_dead_workers()
    metrics.announce(list(service.scoring.scorers.values()), service.admission)
    warm_up(service.scoring.scorers.values())
    heartbeat = asyncio.create_task(_heartbeat(service))
    _drain_on_sigterm(service)
    # What is loaded now stays loaded; scanning it in each full collection would delay requests.
    gc.collect()
    gc.freeze()
    # A batch makes tens of thousands of objects, hardly ever in cycles: at the default threshold of
    # 700 they would be scanned again and again while it is scored.
    gc.set_threshold(100_000, 10, 10)
    return heartbeat


async def _heartbeat(service: Service) -> None:
    parent = multiprocessing.parent_process()
    supervised = parent is not None
    while True:
        service.publish()
        if supervised:
            # Unless this loop runs again in time, the process dumps its stacks and exits. The
            # supervisor cannot tell: its pings are answered by another thread.
            faulthandler.dump_traceback_later(HUNG_SECONDS, exit=True)
        if parent is not None and not parent.is_alive():
            # A killed supervisor cannot stop its workers; they must not keep its port for long.
            service.ready = False
            os.kill(os.getpid(), signal.SIGINT)
            parent = None
        await asyncio.sleep(HEARTBEAT_SECONDS)


def _drain_on_sigterm(service: Service) -> None:
    """On SIGTERM report not ready for a while, still answering, so that load balancers look away.

    Then call the server's own handler, which stops listening and finishes what is in flight.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    stop = signal.getsignal(signal.SIGTERM)
    loop = asyncio.get_running_loop()

    def drain(number: int, frame: FrameType | None) -> None:
        service.ready = False
        if callable(stop):
            loop.call_soon_threadsafe(
                loop.call_later, service.settings.drain_seconds, stop, number, frame
            )

    signal.signal(signal.SIGTERM, drain)
