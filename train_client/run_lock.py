"""One run at a time in a folder: two would write over each other's steps, and both would finish."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from train_client.checkpoint import make_run_folder
from train_client.config import ConfigError
from train_client.distributed import is_main, raised_everywhere

NAME = ".running"
"""The file in the folder that is locked; a process that ends, however it does, lets go of it."""


@contextmanager
def only_run_in(folder: Path) -> Iterator[None]:
    """A context in which no other run is trained in the folder, which is made if need be.

    Begin it before anything is loaded or written there. Raises ConfigError, on every process, where
    another run is trained, or nothing could be written. A file system without locks is taken for an
    empty one.
    """
    with ExitStack() as held:
        with raised_everywhere(ConfigError):
            if is_main():
                make_run_folder(folder)
                file = held.enter_context(_opened(folder / NAME))
                _lock(file.fileno(), folder)
        yield


def _opened(path: Path) -> IO[str]:
    try:
        return path.open("w")
    except OSError as error:
        raise ConfigError(
            f"{path}, by which runs keep out of each other's way, cannot be written: "
            f"{error.strerror}. Is it another user's? Delete it if none of their runs is trained "
            "there, or choose another folder."
        ) from error


def _lock(file: int, folder: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConfigError(
            f"Another process trains in {folder} now. Wait for it or stop it, or choose another "
            "folder."
        ) from error
    except OSError:
        return
