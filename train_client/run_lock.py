"""One run at a time in a folder: two would write over each other's steps, and both would finish."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from train_client.config import ConfigError
from train_client.distributed import is_main

NAME = ".running"
"""The file in the folder that is locked; a process that ends, however it does, lets go of it."""


@contextmanager
def only_run_in(folder: Path) -> Iterator[None]:
    """A context in which no other run is trained in the folder, which must be there.

    Raises ConfigError where one is. A file system without locks is taken for an empty one.
    """
    if not is_main():
        yield
        return
    with (folder / NAME).open("w") as file:
        if not _locked(file.fileno()):
            raise ConfigError(
                f"Another process trains in {folder} now. Wait for it or stop it, or choose "
                "another run.output."
            )
        yield


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
