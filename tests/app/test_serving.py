"""A server that a check or a benchmark starts does not outlive it."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.app.serving import ending

SCRIPT = """
import signal
from tests.app.serving import server
with server() as (_, pid):
    print(pid, flush=True)
    signal.pause()
"""


def test_sigterm_ends_the_server_too() -> None:
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        served = int(program.stdout.readline())
        program.terminate()
    with pytest.raises(ProcessLookupError):
        os.kill(served, 0)


def test_a_thread_that_cannot_take_signals_leaves_no_process() -> None:
    def begin(process: subprocess.Popen[bytes]) -> None:
        with ending(process):
            pass

    process = subprocess.Popen(["sleep", "60"])
    with ThreadPoolExecutor(1) as threads, pytest.raises(ValueError, match="main thread"):
        threads.submit(begin, process).result()
    assert process.poll() is not None
