"""What rows and conversations of data sets hold, in the forms that trainers send.

Labels are in SafeTag's columns, or in one column as an object or its JSON text, with our names or
SafeTag's. The content of a message is a string, or a list of parts.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from app.chat_templates import users_words
from app.schema import LONGEST_NAME, Labels

COLUMNS = {"visual": "image_tag", "text": "text_tag", "combined": "combine_tag"}
"""Our name of each label -> SafeTag's column."""

HOLDERS = ("labels", "label", "ground_truth")
"""Columns that may hold all three labels of a row, in order of precedence."""

THOUGHTS = ("reasoning", "reasoning_content", "thinking")
"""Keys of a message where reasoning parsers put the thinking; vLLM has used the first two."""

_NO_COLUMNS: Mapping[str, Any] = {}

_WANTED = (
    'give {"visual": "safe", "text": "safe", "combined": "unsafe"}, '
    f"or the same with the keys {', '.join(COLUMNS.values())}"
)


class LabelError(ValueError):
    """The labels cannot be read; the message names the column and what is wanted there."""


class GroundTruth(NamedTuple):
    """What a row says of its prompt."""

    labels: Labels
    instruction: str
    """The user's text; empty if the row does not give it."""
    group: str | None
    """The same for all completions of the prompt, for the statistics of groups."""


def read_ground_truth(
    value: object, column: str = "label", row: Mapping[str, Any] = _NO_COLUMNS
) -> GroundTruth:
    """The ground truth in one column.

    Args:
        value: a mapping, or its JSON text: the labels, with our names or SafeTag's, and if you like
            `instruction` and `group`.
        column: its name, for the error.
        row: the other columns; its `instruction` and `group` take precedence.

    Raises:
        LabelError: labels are missing, or something is invalid. The value itself is never quoted.
    """
    held = _object(value, column)
    found = {name: _either(held, name) for name in COLUMNS}
    missing = [name for name, label in found.items() if label is None]
    if missing:
        raise LabelError(f"`{column}` has no `{missing[0]}`; {_WANTED}")
    labels = _checked(found, {name: f"{column}.{name}" for name in COLUMNS})
    instruction = _instruction(row, "") or _instruction(held, f"{column}.")
    group = _group(row, "")
    return GroundTruth(labels, instruction, _group(held, f"{column}.") if group is None else group)


def row_ground_truth(row: Mapping[str, Any]) -> GroundTruth:
    """The ground truth of a data set's row: SafeTag's three columns, or else one of `HOLDERS`.

    `instruction` and `group` are columns too, or stand beside the labels.

    Raises:
        LabelError: naming the column that is missing or wrong.
    """
    missing = [column for column in COLUMNS.values() if row.get(column) is None]
    if missing:  # SafeTag's columns first: `label` may hold something else
        for holder in HOLDERS:
            if row.get(holder) is not None:
                return read_ground_truth(row[holder], holder, row)
        raise LabelError(
            f"the row has no `{missing[0]}`; give the columns {', '.join(COLUMNS.values())} "
            f"(safe or unsafe), or one column `labels` with visual, text and combined"
        )
    labels = _checked({name: row[column] for name, column in COLUMNS.items()}, COLUMNS)
    return GroundTruth(labels, _instruction(row, ""), _group(row, ""))


def row_labels(row: Mapping[str, Any]) -> Labels:
    """The labels of a row, as `row_ground_truth`, whatever its other columns hold."""
    columns = (*COLUMNS.values(), *HOLDERS)
    return row_ground_truth({name: row.get(name) for name in columns}).labels


def _instruction(held: Mapping[str, Any], place: str) -> str:
    instruction = held.get("instruction")
    if instruction is None:
        return ""
    if not isinstance(instruction, str):
        raise LabelError(f"`{place}instruction` must be the user's text")
    return instruction


def _group(held: Mapping[str, Any], place: str) -> str | None:
    group = held.get("group")
    if group is None:
        return None
    if isinstance(group, Mapping | list) or len(str(group)) > LONGEST_NAME:
        raise LabelError(
            f"`{place}group` must be a number or a name of at most {LONGEST_NAME} characters"
        )
    return str(group)


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
