"""A server that a check or a benchmark starts does not outlive it."""

import os
import subprocess
import sys

import pytest

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
