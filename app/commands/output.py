"""A command's output: a failure to write it is reported as a sentence, not a traceback."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def exit_if_unwritable(failure: str) -> Iterator[None]:
    """Flush what the block prints, or exit with `failure` and the system's reason.

    A closed pipe (`| head`) is left to typer, which exits quietly.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # Python would fail to flush the rest again as it exits, from 3.14 on with a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(f"{failure}: {error.strerror}")
