"""OpenRLHF's remote reward: `--reward.remote_url http://localhost:8700/openrlhf`.

All fields are lists of the same length: newer versions send one sample per request, older ones
batches, and with several URLs all but one receive empty lists. Labels are whatever the data set's
label column holds: for us an object, or its JSON text, with `group` and `instruction` if you like.
"""

import re
from typing import Any

from pydantic import BaseModel

from app.chat_templates import users_words
from app.errors import wrong_field
from app.protocol import Protocol, Scored
from app.protocols.translation import (
    numbers,
    rewards_of,
    sample_at,
    without_end_tokens,
)
from app.schema import Many, RewardRequest

_REPEATED_SPECIAL = re.compile(r"(<\|[^<>|]{1,40}\|>|<[a-z]+(?:_[a-z]+)+>)(?:\1)+")


class OpenRLHFRequest(BaseModel):
    """`query[i]` is `prompts[i]` and the completion, special tokens kept."""

    query: Many[str]
    prompts: Many[str]
    labels: list[Any]


class OpenRLHFReply(BaseModel):
    """`scores` are the rewards within 0 and 1, for the trainer's dynamic filtering."""

    rewards: list[float]
    scores: list[float]
    extra_logs: dict[str, list[float]]


def batch(wire: OpenRLHFRequest) -> RewardRequest:
    """Separate completions from prompts; lists of different lengths are refused."""
    for field in ("prompts", "labels"):
        given = len(getattr(wire, field))
        if given != len(wire.query):
            message = f"`{field}` has {given} entries, `query` has {len(wire.query)}"
            raise wrong_field(field, None, message)
    rows = zip(wire.query, wire.prompts, wire.labels, strict=True)
    samples = [
        sample_at(
            label,
            f"labels[{index}]",
            index,
            without_end_tokens(_completion(query, prompt, index)),
            users_words(prompt),
        )
        for index, (query, prompt, label) in enumerate(rows)
    ]
    return RewardRequest(samples=samples)


def _completion(query: str, prompt: str, index: int) -> str:
    """`query` without its prompt.

    An image is one placeholder in the prompt and many in the query, so where the prompt does not
    match, runs of a special token are compared as one.
    """
    if query.startswith(prompt):
        return query[len(prompt) :]
    once, prompt = (_REPEATED_SPECIAL.sub(r"\1", text) for text in (query, prompt))
    if once.startswith(prompt):
        return query[_end(query, len(prompt)) :]
    message = (
        f"`query[{index}]` does not begin with `prompts[{index}]`, so where the completion begins "
        "cannot be told; was the prompt truncated? Raise the trainer's maximum length"
    )
    raise wrong_field(f"query[{index}]", index, message)


def _end(query: str, length: int) -> int:
    """The end in `query` of a prefix that has `length` characters with repeated tokens as one."""
    left_out = 0
    for run in _REPEATED_SPECIAL.finditer(query):
        if run.start() - left_out >= length:
            break
        left_out += len(run[0]) - len(run[1])
    return length + left_out


def reply(_: OpenRLHFRequest, scored: Scored) -> dict[str, Any]:
    """Rewards, and the components as logs."""
    rewards = rewards_of(scored.scores)
    logs = [numbers(score) for score in scored.scores]
    return {
        "rewards": rewards,
        "scores": [min(max(reward, 0.0), 1.0) for reward in rewards],
        "extra_logs": {name: [log[name] for log in logs] for name in (logs[0] if logs else ())},
    }


OPENRLHF = Protocol(
    name="openrlhf",
    path="/openrlhf",
    wire=OpenRLHFRequest,
    batch=batch,
    reply=reply,
    summary="Score in OpenRLHF's remote reward format",
    response_model=OpenRLHFReply,
)
