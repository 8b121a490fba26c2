"""The folder in which the workers of a server add up what they count.

Supervisor and workers hold a lock on it for as long as they live. One that nobody holds was left
behind by processes that were killed, and goes when the next server makes one. A process id would
not tell: it is given out again, and containers that share a folder have their own.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""How prometheus-client is told of the folder."""

_PREFIX = "safegrpo-metrics-"


@contextmanager
def shared_counts() -> Iterator[None]:
    """A new, empty folder for the workers that this process starts; it goes in the end."""
    remove_left_behind()
    folder = _new_folder()
    os.environ[MULTIPROCESS_VARIABLE] = str(folder)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def shared_folder() -> Path | None:
    """Where several workers add up what they count; None if there is only one."""
    directory = os.environ.get(MULTIPROCESS_VARIABLE)
    return Path(directory) if directory else None


def hold(folder: Path) -> None:
    """Keep a folder from being removed as left behind, until this process ends.

    Raises:
        FileNotFoundError: it was removed already.
    """
    handle = os.open(folder, os.O_RDONLY)
    with suppress(OSError):  # its file system has no locks: then nobody gets one to remove it
        fcntl.flock(handle, fcntl.LOCK_SH)
    folder.stat()


def remove_left_behind() -> None:
    """Remove this user's folders that nobody holds."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # somebody holds it, it is another user's, or it is gone
            _remove(folder)


def _new_folder() -> Path:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        # A server that starts at this moment may have removed it before it was held.
        with suppress(FileNotFoundError):
            hold(folder)
            return folder


def _remove(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(handle).st_uid == os.geteuid():
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
    finally:
        os.close(handle)
