"""What a command prints: that it could not be printed is a sentence, not a traceback."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def printed_or(failure: str) -> Iterator[None]:
    """Print what the block prints to the last byte, or end with `failure` and the system's reason.

    A reader that has gone away (`| head`) is left to typer, which then ends quietly.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # The rest of the buffer would fail again as Python ends, from 3.14 on with a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(f"{failure}: {error.strerror}")
