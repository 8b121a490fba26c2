"""The supervisor of several workers: uvicorn's, made never to block on a worker.

uvicorn's pings a worker and waits for the answer. A worker cannot answer while it imports, and one
that dies meanwhile never will; until the wait times out, no other dead worker is replaced and
SIGTERM is not handled.
"""

import logging
import signal
import socket
from time import monotonic

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

log = logging.getLogger("safegrpo.supervisor")

MOST_FAILED_STARTS = 3
"""After this many workers in a row have died while starting, the server gives up."""


class Supervisor(Multiprocess):
    """Replaces workers that die or hang; if they cannot start, it ends and sets `failed`.

    Args:
        hung_seconds: a worker that has not answered a ping for this long is replaced.
        stop_seconds: a worker that has not ended this long after SIGTERM is killed.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        sockets: list[socket.socket],
        hung_seconds: float,
        stop_seconds: float,
    ) -> None:
        at_hangup = signal.getsignal(signal.SIGHUP)
        super().__init__(config, sockets)
        if at_hangup == signal.SIG_IGN:  # the command was started with nohup
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._hung_seconds = hung_seconds
        self._stop_seconds = stop_seconds
        self._pinged: dict[Process, float] = {}
        """When each worker with an unanswered ping was pinged."""
        self._started: set[Process] = set()
        self._failed_starts = 0
        self.failed = False

    def keep_subprocess_alive(self) -> None:
        """Called twice a second."""
        if self.should_exit.is_set():
            return  # the workers may have received the signal too, and be ending
        for index, process in enumerate(self.processes):
            if self._is_responsive(process):
                continue
            event = self._reap(process)
            if process.exitcode == STARTUP_FAILURE or self._failed_starts == MOST_FAILED_STARTS:
                log.error(
                    "a worker cannot start, nor would another one: the server ends",
                    extra={"event": event},
                )
                self.failed = True
                self.should_exit.set()
                return
            log.error(
                "a worker died, or was stuck; another one takes its place", extra={"event": event}
            )
            self.processes[index] = Process(self.config, self.sockets)
            self.processes[index].start()

    def _reap(self, process: Process) -> dict[str, int | None]:
        """Kill and forget a worker. Returns the fields of the log line about it."""
        died = not process.process.is_alive()
        event = {"exit_code": process.exitcode} if died else {}
        if died and process not in self._started:
            self._failed_starts += 1
        process.kill()
        process.join()
        self._pinged.pop(process, None)
        self._started.discard(process)
        return event

    def _is_responsive(self, process: Process) -> bool:
        if not process.process.is_alive():
            return False
        now = monotonic()
        try:
            if process in self._pinged and process.parent_conn.poll():
                if process.parent_conn.recv() and process not in self._started:
                    self._started.add(process)
                    self._failed_starts = 0
                del self._pinged[process]
            if process not in self._pinged:
                process.parent_conn.send(b"ping")
                self._pinged[process] = now
        except (OSError, EOFError):
            return False
        return now - self._pinged[process] < self._hung_seconds

    def handle_hup(self) -> None:
        """Stop, as a single worker does when its terminal closes; there is nothing to reload."""
        self.should_exit.set()

    def join_all(self) -> None:
        """Called after SIGTERM has been sent to the workers."""
        deadline = monotonic() + self._stop_seconds
        for process in self.processes:
            process.process.join(max(0.0, deadline - monotonic()))
            if process.process.is_alive():
                log.error("a worker did not end in time, and was killed")
                process.kill()
                process.join()
