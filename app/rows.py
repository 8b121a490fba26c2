"""Labels and texts in the rows and conversations of data sets, in the forms that trainers send.

Labels are in SafeTag's columns, or in one column as an object or its JSON text, with our names or
SafeTag's. The content of a message is a string, or a list of parts.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from app.chat_templates import users_words
from app.schema import Labels

COLUMNS = {"visual": "image_tag", "text": "text_tag", "combined": "combine_tag"}
"""Our name of each label -> SafeTag's column."""

HOLDERS = ("labels", "label", "ground_truth")
"""Columns that may hold all three labels of a row, in order of precedence."""

THOUGHTS = ("reasoning", "reasoning_content", "thinking")
"""Keys of a message where reasoning parsers put the thinking; vLLM has used the first two."""

_WANTED = (
    'give {"visual": "safe", "text": "safe", "combined": "unsafe"}, '
    f"or the same with the keys {', '.join(COLUMNS.values())}"
)


class LabelError(ValueError):
    """The labels cannot be read; the message names the column and what is wanted there."""


def read_labels(value: object, column: str = "label") -> Labels:
    """The labels in one column.

    Args:
        value: a mapping, or its JSON text, with our names or SafeTag's.
        column: its name, for the error.

    Raises:
        LabelError: labels are missing or invalid. The value itself is never quoted.
    """
    held = _object(value, column)
    found = {name: _either(held, name) for name in COLUMNS}
    missing = [name for name, label in found.items() if label is None]
    if missing:
        raise LabelError(f"`{column}` has no `{missing[0]}`; {_WANTED}")
    return _checked(found, {name: f"{column}.{name}" for name in COLUMNS})


def read_instruction(value: object, column: str = "label") -> str:
    """The user's text: `instruction` beside the labels in one column; empty if there is none.

    Raises:
        LabelError: it is not a string, or the column cannot be read.
    """
    instruction = _object(value, column).get("instruction")
    if instruction is None:
        return ""
    if not isinstance(instruction, str):
        raise LabelError(f"`{column}.instruction` must be the user's text")
    return instruction


def row_labels(row: Mapping[str, Any]) -> Labels:
    """The labels of a data set's row: SafeTag's three columns, or else one of `HOLDERS`.

    Raises:
        LabelError: naming the column that is missing or wrong.
    """
    missing = [column for column in COLUMNS.values() if row.get(column) is None]
    if missing:  # SafeTag's columns first: `label` may hold something else
        for holder in HOLDERS:
            if row.get(holder) is not None:
                return read_labels(row[holder], holder)
        raise LabelError(
            f"the row has no `{missing[0]}`; give the columns {', '.join(COLUMNS.values())} "
            f"(safe or unsafe), or one column `labels` with visual, text and combined"
        )
    return _checked({name: row[column] for name, column in COLUMNS.items()}, COLUMNS)


def _object(value: object, column: str) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise LabelError(f"`{column}` is not JSON; {_WANTED}") from None
    if not isinstance(value, Mapping):
        raise LabelError(f"`{column}` holds no labels; {_WANTED}")
    return value


def _either(value: Mapping[str, Any], name: str) -> Any:
    found = value.get(name)
    return value.get(COLUMNS[name]) if found is None else found


def _checked(found: Mapping[str, Any], places: Mapping[str, str]) -> Labels:
    try:
        return Labels(**found)
    except ValidationError as error:
        wrong = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
        raise LabelError(f"`{places[wrong]}` must be safe or unsafe") from None


def text_of(content: object) -> str:
    """A message's text: the string itself, or the texts in a list of parts; images have none."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return ""
    parts = (part for part in content if isinstance(part, Mapping))
    texts = (part.get("text") or part.get("refusal") or "" for part in parts)
    return "".join(text for text in texts if isinstance(text, str))


def instruction_of(prompt: object) -> str:
    """The user's last turn in a rendered prompt or a conversation."""
    if isinstance(prompt, str):
        return users_words(prompt)
    if not isinstance(prompt, Sequence):
        return ""
    asked = [turn for turn in prompt if isinstance(turn, Mapping) and turn.get("role") == "user"]
    return text_of(asked[-1].get("content")) if asked else ""


def written_by_assistant(message: Mapping[str, Any]) -> str:
    """What the model wrote.

    A reasoning parser removes the thinking and its tags from the content; both are restored.
    """
    text = text_of(message.get("content"))
    for thoughts in map(message.get, THOUGHTS):
        if isinstance(thoughts, str) and thoughts:
            return f"<think>{thoughts}</think>\n{text}"
    return text
