"""One run at a time per folder: two would silently overwrite each other's steps."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from train_client.config.errors import ConfigError
from train_client.distributed import is_main, raised_everywhere
from train_client.saved.checkpoint import make_run_folder

NAME = ".running"
"""The lock file; the system releases the lock when the process ends, however it ends."""


@contextmanager
def only_run_in(folder: Path) -> Iterator[None]:
    """A context that holds the folder's lock, and creates the folder if it does not exist.

    Enter it before anything is loaded or written there. Raises ConfigError, on every process, if
    another run holds the lock or the folder is not writable. On a file system without locks it
    does nothing.
    """
    with ExitStack() as held:
        with raised_everywhere(ConfigError):
            if is_main():
                make_run_folder(folder)
                file = held.enter_context(_open(folder / NAME))
                _lock(file.fileno(), folder)
        yield


def _open(path: Path) -> IO[str]:
    try:
        return path.open("w")
    except OSError as error:
        raise ConfigError(
            f"The lock file {path} cannot be written: {error.strerror}. If it is another user's "
            "and none of their runs uses the folder, delete it; otherwise choose another folder."
        ) from error


def _lock(file: int, folder: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConfigError(
            f"Another process is training in {folder}. Wait for it or stop it, or choose another "
            "folder."
        ) from error
    except OSError:
        return
