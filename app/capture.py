"""The sampled capture: a share of the scored samples, with their content, written for audit.

Off unless a folder is configured. A separate thread writes; what it cannot keep up with is dropped,
never waited for. The folder holds JSONL files, and the oldest are deleted to make room.
"""

import errno
import logging
import os
import queue
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from app import metrics
from app.logs import failure
from app.protocol import Scored
from app.reply import result

log = logging.getLogger("safegrpo.capture")

_WAITING_BATCHES = 256
_FILES_PER_WORKER = 8
_OURS = "samples-" + "[0-9]" * 19 + "-[0-9]*.jsonl"
"""Named by nanoseconds and process id; any other file in the folder is never deleted."""


class Capture:
    """Writes to `folder`, which all workers share and keep under `max_bytes` together.

    Args:
        folder: created if missing, readable by its owner alone.
        share: of the samples, chosen at random.
        max_bytes: limit on all files of all workers.
        workers: number of processes that write there.
    """

    def __init__(self, folder: Path, share: float, max_bytes: int, workers: int) -> None:
        self._folder = folder
        self._share = share
        self._file_bytes = max_bytes // (workers * _FILES_PER_WORKER)
        self._room = max_bytes - workers * self._file_bytes
        self._file: Path | None = None
        self._failed = False
        self._queue: queue.Queue[list[dict[str, Any]] | None] = queue.Queue(_WAITING_BATCHES)
        self._thread = threading.Thread(target=self._write_all, name="capture", daemon=True)
        self._thread.start()

    def offer(self, scored: Scored, request_id: str) -> None:
        """Take a share of the scored samples; returns at once."""
        taken = list(self._lines(scored, request_id))
        if not taken:
            return
        try:
            self._queue.put_nowait(taken)
        except queue.Full:
            metrics.captured("dropped", len(taken))

    def close(self) -> None:
        """Write what is queued, and stop."""
        self._queue.put(None)
        self._thread.join()

    def _lines(self, scored: Scored, request_id: str) -> Iterator[dict[str, Any]]:
        batch = scored.batch
        for sample, score in zip(batch.samples, scored.scores, strict=True):
            if random.random() < self._share:
                yield {
                    "time": time.time(),
                    "request_id": request_id,
                    "version": scored.scorer.version,
                    "run": batch.run,
                    "step": batch.step,
                    "sample": sample.model_dump(),
                    "result": result(sample.id, score),
                }

    def _write_all(self) -> None:
        while (lines := self._queue.get()) is not None:
            for line in lines:
                metrics.captured("written" if self._write(line) else "dropped", 1)

    def _write(self, line: dict[str, Any]) -> bool:
        """Append to the current file, or to a new one if that is full or was deleted."""
        try:
            text = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
            if len(text) > self._file_bytes:
                return False
            file = self._file
            if not file or not file.exists() or _size(file) > self._file_bytes - len(text):
                self._make_room()
                file = self._file = self._folder / f"samples-{time.time_ns()}-{os.getpid()}.jsonl"
            _append(file, text)
        except OSError as error:
            if not self._failed:  # once, not for each sample while the disk is full
                message = f"samples cannot be captured now: {error.strerror}"
                log.error(message, extra={"event": failure(error)})
            self._failed = True
            return False
        self._failed = False
        return True

    def _make_room(self) -> None:
        """Delete the oldest files until every worker's current file can grow to its full size."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = sorted(self._folder.glob(_OURS))
        sizes = [_size(file) for file in files]
        while files and sum(sizes) > self._room:
            files.pop(0).unlink(missing_ok=True)
            sizes.pop(0)


def _append(file: Path, line: bytes) -> None:
    """Write a line completely or not at all: on a full disk only part of it may fit."""
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        written = os.write(descriptor, line)
        if written < len(line):
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(descriptor)


def _size(file: Path) -> int:
    """In bytes; 0 for a file that another worker has deleted."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
