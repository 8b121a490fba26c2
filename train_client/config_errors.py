"""What is wrong with a configuration, in sentences that name the key and what is allowed."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import BaseModel, ValidationError


def sentences(error: ValidationError, model: type[BaseModel]) -> str:
    """What pydantic found wrong with a `model`: a line for each key with its name, what is allowed,
    and what was given."""
    return "\n  ".join(_sentence(item, model) for item in error.errors())


def _sentence(item: Any, model: type[BaseModel]) -> str:
    where = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"{where} is no known key; {_known(item['loc'], model)}"
    message = str(item["msg"]).removeprefix("Value error, ")
    given = "" if isinstance(item["input"], dict) else f" (given: {item['input']!r})"
    return f"{where}: {message}{given}" if where else message


def _known(place: tuple[int | str, ...], model: type[BaseModel]) -> str:
    section = model
    for part in place[:-1]:
        field = section.model_fields[str(part)].annotation
        assert isinstance(field, type)
        assert issubclass(field, BaseModel)
        section = field
    names = list(section.model_fields)
    close = difflib.get_close_matches(str(place[-1]), names, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}allowed here: {', '.join(names)}."
