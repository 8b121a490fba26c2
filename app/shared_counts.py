"""The folder in which the workers of a server add up their counts.

Supervisor and workers hold a lock on it while they run. A folder that nobody holds was left behind
by killed processes, and the next server removes it. A process id could not tell: ids are reused,
and containers that share a folder have their own.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Tells prometheus-client the folder."""

_PREFIX = "safegrpo-metrics-"


@contextmanager
def shared_counts() -> Iterator[None]:
    """A new, empty folder for the workers that this process starts; removed at the end."""
    remove_left_behind()
    folder = _new_folder()
    os.environ[MULTIPROCESS_VARIABLE] = str(folder)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def shared_folder() -> Path | None:
    """The folder of this process; None if there is only one worker."""
    directory = os.environ.get(MULTIPROCESS_VARIABLE)
    return Path(directory) if directory else None


def hold(folder: Path) -> None:
    """Lock a folder against removal, until this process ends.

    Raises:
        FileNotFoundError: it was removed already.
    """
    handle = os.open(folder, os.O_RDONLY)
    with suppress(OSError):  # without locks on its file system, nobody can get one to remove it
        fcntl.flock(handle, fcntl.LOCK_SH)
    folder.stat()


def remove_left_behind() -> None:
    """Remove this user's folders that nobody has locked."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # somebody holds it, it is another user's, or it is gone
            _remove(folder)


def _new_folder() -> Path:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        # Another server that starts now may have removed it before it was locked.
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
