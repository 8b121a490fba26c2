"""The supervisor of several workers: uvicorn's, but one that never waits for a worker.

uvicorn's asks a worker for a sign of life and waits for the answer. A worker that has just started
cannot answer while it imports, and one that dies meanwhile never will: for so long no other dead
worker is replaced, and SIGTERM not heard.
"""

import logging
import socket
from time import monotonic

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

log = logging.getLogger("safegrpo.supervisor")


class Supervisor(Multiprocess):
    """Replaces workers that die or are stuck.

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
        super().__init__(config, sockets)
        self._hung_seconds = hung_seconds
        self._stop_seconds = stop_seconds
        self._asked: dict[Process, float] = {}
        """When a worker was asked for a sign of life that it has not given yet."""

    def keep_subprocess_alive(self) -> None:
        """Called twice a second."""
        for index, process in enumerate(self.processes):
            if self._lives(process):
                continue
            process.kill()
            process.join()
            self._asked.pop(process, None)
            if process.exitcode == STARTUP_FAILURE:
                log.error("a worker cannot start, nor would another one")
                self.should_exit.set()
                return
            log.error("a worker died, or was stuck; another one takes its place")
            self.processes[index] = Process(self.config, self.sockets)
            self.processes[index].start()

    def _lives(self, process: Process) -> bool:
        if not process.process.is_alive():
            return False
        now = monotonic()
        try:
            if process in self._asked and process.parent_conn.poll():
                process.parent_conn.recv()
                del self._asked[process]
            if process not in self._asked:
                process.parent_conn.send(b"ping")
                self._asked[process] = now
        except (OSError, EOFError):
            return False
        return now - self._asked[process] < self._hung_seconds

    def join_all(self) -> None:
        """Called after SIGTERM has been sent to the workers."""
        deadline = monotonic() + self._stop_seconds
        for process in self.processes:
            process.process.join(max(0.0, deadline - monotonic()))
            if process.process.is_alive():
                log.error("a worker did not end in time, and was killed")
                process.kill()
                process.join()
