"""Log lines have an event's fields and none of its content."""

import json
import logging

from app.logs import JsonFormatter

SECRET = "do-not-log-me"


def line(record: logging.LogRecord) -> dict[str, object]:
    text = JsonFormatter().format(record)
    assert "\n" not in text
    assert SECRET not in text
    parsed: dict[str, object] = json.loads(text)
    return parsed


def test_an_error_is_logged_without_its_message() -> None:
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "it failed", (), None)
        record.exc_info = (ValueError, error, error.__traceback__)
    found = line(record)
    assert found["error"] == "ValueError"
    assert found["message"] == "it failed"
    assert "test_logs.py" in str(found["frames"])


def test_an_error_that_nobody_has_looked_at_is_logged_without_its_message() -> None:
    said = f"Task exception was never retrieved\nfuture: <Task exception=ValueError('{SECRET}')>"
    record = logging.LogRecord("asyncio", logging.ERROR, "f", 1, said, (), None)
    assert line(record)["message"] == "Task exception was never retrieved"


def test_an_events_fields_are_in_the_line() -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "answered", (), None)
    record.event = {"request_id": "abc", "status": 200}
    found = line(record)
    assert (found["request_id"], found["status"], found["level"]) == ("abc", 200, "info")
