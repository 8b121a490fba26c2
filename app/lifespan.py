"""A worker's life: ready, a heartbeat, draining on SIGTERM, the last counts handed over."""

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
"""A worker that shows no life for so long is replaced. It shows none while it imports, which takes
much longer than its second where many processes want the same processor."""


@asynccontextmanager
async def living(service: Service) -> AsyncIterator[None]:
    """What surrounds the answering of requests."""
    try:
        heart = _begin(service)
    except Exception as error:
        log.error("the service cannot start", extra={"event": failure(error)})
        raise
    service.ready = True
    try:
        yield
    finally:
        service.ready = False
        heart.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await heart
        await service.close()
        metrics.publish(service.admission, service.in_flight)


def _begin(service: Service) -> asyncio.Task[None]:
    """Get ready to answer; returns the heart, which beats from now on."""
    keep_freed_memory()
    if folder := shared_folder():
        hold(folder)
    exposition.forget_dead_workers()
    metrics.announce(list(service.scoring.scorers.values()), service.admission)
    warm_up(service.scoring.scorers.values())
    heart = asyncio.create_task(_beat(service))
    _drain_on_sigterm(service)
    # What was loaded stays: looked through by each full collection, it would hold up requests.
    gc.collect()
    gc.freeze()
    # A batch makes tens of thousands of objects, hardly ever in cycles: at the usual threshold of
    # 700, they are looked through over and over while it is scored.
    gc.set_threshold(100_000, 10, 10)
    return heart


async def _beat(service: Service) -> None:
    parent = multiprocessing.parent_process()
    supervised = parent is not None
    while True:
        metrics.publish(service.admission, service.in_flight)
        if supervised:
            # Unless this loop comes by again, the process says where it is stuck, and ends. The
            # supervisor cannot see it: pings are answered from another thread.
            faulthandler.dump_traceback_later(HUNG_SECONDS, exit=True)
        if parent is not None and not parent.is_alive():
            # A killed supervisor cannot tell its workers; they must not keep its port for long.
            service.ready = False
            os.kill(os.getpid(), signal.SIGINT)
            parent = None
        await asyncio.sleep(HEARTBEAT_SECONDS)


def _drain_on_sigterm(service: Service) -> None:
    """On SIGTERM be not ready for a while, still answering, so that load balancers look away.

    The server's own handler, which stops listening and finishes what is in flight, comes after.
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
