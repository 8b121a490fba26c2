"""Shared by the formats: samples from fields, rewards and numbers from scores."""

from collections.abc import Sequence

from app.errors import wrong_field
from app.rows import LabelError, read_ground_truth
from app.schema import Sample
from grammar import content_end
from rules.profile import usual_trailing_tokens
from rules.reward import Score


def without_end_tokens(response: str) -> str:
    """A response without the special tokens at its end, for trainers that keep them.

    Strict profiles strip them themselves, but the structure `official` requires `</answer>` last.
    """
    return response[: content_end(response, usual_trailing_tokens())]


def sample_at(value: object, field: str, index: int, completion: str, prompt: str) -> Sample:
    """A sample whose ground truth is in a field of a request.

    Args:
        value: what the field holds.
        prompt: the user's text, unless the ground truth gives it.

    Raises:
        RequestError: 422 naming the field and the sample.
    """
    try:
        truth = read_ground_truth(value, field)
    except LabelError as error:
        raise wrong_field(field, index, str(error)) from None
    return Sample(
        completion=completion,
        prompt=truth.instruction or prompt,
        labels=truth.labels,
        group=truth.group,
    )


def rewards_of(scores: Sequence[Score]) -> list[float]:
    """The rewards, for formats without missing ones: such a request was refused before."""
    rewards = [score.reward for score in scores if score.reward is not None]
    assert len(rewards) == len(scores)
    return rewards


def numbers(score: Score) -> dict[str, float]:
    """A scored sample for a trainer's logs: components by their names, raw values as `raw_…`.

    The same keys for every sample of a profile; empty if it could not be scored.
    """
    components = {name: value for name, value in score.components.items() if value is not None}
    raw = {f"raw_{name}": value for name, value in score.raw.items() if value is not None}
    return {**components, **raw}
