"""The supervisor of several workers: uvicorn's, but one that never waits for a worker.

uvicorn's asks a worker for a sign of life and waits for the answer. A worker that has just started
cannot answer while it imports, and one that dies meanwhile never will: for so long no other dead
worker is replaced, and SIGTERM not heard.
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
"""When so many workers in a row have died before they had started, none would start."""


class Supervisor(Multiprocess):
    """Replaces workers that die or are stuck, and ends if they cannot start: `failed`.

    Args:
        hung_seconds: a worker that has not answered for so long is replaced.
        stop_seconds: a worker that has not ended so long after SIGTERM is killed.
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
        self._asked: dict[Process, float] = {}
        """When a worker was asked for a sign of life that it has not given yet."""
        self._started: set[Process] = set()
        self._failed_starts = 0
        self.failed = False

    def keep_subprocess_alive(self) -> None:
        """Called twice a second."""
        if self.should_exit.is_set():
            return  # the workers may have had the signal too, and end
        for index, process in enumerate(self.processes):
            if self._lives(process):
                continue
            event = self._bury(process)
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

    def _bury(self, process: Process) -> dict[str, int | None]:
        """End a worker for good, and forget it. Returns what the log should say of its death."""
        died = not process.process.is_alive()
        event = {"exit_code": process.exitcode} if died else {}
        if died and process not in self._started:
            self._failed_starts += 1
        process.kill()
        process.join()
        self._asked.pop(process, None)
        self._started.discard(process)
        return event

    def _lives(self, process: Process) -> bool:
        if not process.process.is_alive():
            return False
        now = monotonic()
        try:
            if process in self._asked and process.parent_conn.poll():
                if process.parent_conn.recv() and process not in self._started:
                    self._started.add(process)
                    self._failed_starts = 0
                del self._asked[process]
            if process not in self._asked:
                process.parent_conn.send(b"ping")
                self._asked[process] = now
        except (OSError, EOFError):
            return False
        return now - self._asked[process] < self._hung_seconds

    def handle_hup(self) -> None:
        """End: a closed terminal ends a single worker too, and there is nothing to read anew."""
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
