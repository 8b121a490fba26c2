"""What all formats share: labels from a field, a text from messages, numbers from a score."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.errors import RequestError
from app.labels import LabelError, read_labels
from app.schema import Labels, Problem
from rules.reward import Score

Message = Mapping[str, Any]


def labels_at(value: object, field: str, index: int) -> Labels:
    """The labels in the field of a request.

    Raises:
        RequestError: 422 naming the field and the sample.
    """
    try:
        return read_labels(value, field)
    except LabelError as error:
        raise wrong_field(field, index, str(error)) from None


def wrong_field(field: str, index: int | None, message: str) -> RequestError:
    """422 about one field."""
    return RequestError(422, message, [Problem(field=field, sample=index, message=message)])


def text_of(content: object) -> str:
    """A message's text: a string as it is, of a list of parts the texts; pictures have none."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return ""
    parts = (part for part in content if isinstance(part, Mapping))
    texts = (part.get("text") or part.get("refusal") or "" for part in parts)
    return "".join(text for text in texts if isinstance(text, str))


def instruction_of(prompt: object) -> str:
    """What the user asked: a string as it is, of a conversation the last user message's text."""
    if isinstance(prompt, str):
        return prompt
    if not isinstance(prompt, Sequence):
        return ""
    asked = [turn for turn in prompt if isinstance(turn, Mapping) and turn.get("role") == "user"]
    return text_of(asked[-1].get("content")) if asked else ""


def rewards_of(scores: Iterable[Score]) -> list[float]:
    """The rewards, for formats that know no missing one.

    Raises:
        RequestError: 503 if a sample could not be scored, since a made-up number would be trained
            on and the trainers ask again.
    """
    rewards: list[float] = []
    for score in scores:
        if score.reward is None:
            message = "a sample could not be scored; send the request again"
            raise RequestError(503, message, retry_after=1)
        rewards.append(score.reward)
    return rewards


def numbers(score: Score) -> dict[str, float]:
    """A scored sample for a trainer's logs: components by their names, raw values as `raw_…`.

    The same keys for every sample of a profile; empty if it could not be scored.
    """
    components = {name: value for name, value in score.components.items() if value is not None}
    raw = {f"raw_{name}": value for name, value in score.raw.items() if value is not None}
    return {**components, **raw}
