"""What is wrong with a configuration, in sentences that name the key and what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError


class ConfigError(ValueError):
    """The configuration cannot be used; the message names the key and what is allowed."""


def sentences(error: ValidationError, model: type[BaseModel]) -> str:
    """What pydantic found wrong with a `model`: a line for each key with its name, what is allowed,
    and what was given."""
    return "\n  ".join(_sentence(item, model) for item in error.errors())


def _sentence(item: Any, model: type[BaseModel]) -> str:
    where = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return unknown(where, _known(item["loc"], model))
    message = str(item["msg"]).removeprefix("Value error, ")
    value = "" if isinstance(item["input"], dict) else f" (given: {item['input']!r})"
    return f"{where}: {message}{value}" if where else message


def unknown(where: str, names: Sequence[str]) -> str:
    """The sentence for a key that is none of `names`."""
    close = difflib.get_close_matches(where.rpartition(".")[2], names, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{where} is no known key; {hint}allowed here: {', '.join(names)}."


def _known(place: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    section = model
    for part in place[:-1]:
        field = section.model_fields[str(part)].annotation
        assert isinstance(field, type)
        assert issubclass(field, BaseModel)
        section = field
    return list(section.model_fields)
