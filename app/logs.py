"""Structured logs: one JSON object per line, on standard error, never with content.

An error's message may quote its input, so errors are logged as their type and stack frames.
"""

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any


class JsonFormatter(logging.Formatter):
    """A record as one line: time, level, logger, message, and the fields of its `event`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage().partition("\n")[0],  # asyncio quotes errors after it
            "process": record.process,
        }
        if record.exc_info and record.exc_info[1] is not None:
            line |= failure(record.exc_info[1])
        line |= getattr(record, "event", {})
        return json.dumps(line, ensure_ascii=False, default=str)


def failure(error: BaseException) -> dict[str, Any]:
    """An error for the log: its type and stack frames, without its message."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__name__,
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


def log_config(level: str) -> dict[str, Any]:
    """The configuration for `logging.config.dictConfig`, uvicorn's loggers included."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "app.logs.JsonFormatter"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {name: {"level": level.upper()} for name in ("safegrpo", "uvicorn")},
    }
