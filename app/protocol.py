"""A protocol: one trainer's way of asking for rewards, as a translation to the one scoring path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import BaseModel

from app.reply import reward_reply
from app.schema import RewardReply, RewardRequest
from rules.reward import Score, Scorer

Wire = TypeVar("Wire", bound=BaseModel)


class Scored(NamedTuple):
    """A batch and its scores, aligned with `batch.samples`."""

    scorer: Scorer
    batch: RewardRequest
    scores: list[Score]


@dataclass(frozen=True)
class Protocol(Generic[Wire]):
    """How a request in this protocol becomes a batch, and the scores a reply."""

    name: str
    """A word for the statistics."""
    path: str
    wire: type[Wire]
    """The body of a request."""
    batch: Callable[[Wire], RewardRequest]
    """May raise RequestError (422), naming the field."""
    reply: Callable[[Wire, Scored], Any]
    """What becomes the JSON of the reply."""
    response_model: Any
    """The reply, for the documentation."""
    summary: str
    nulls: bool = False
    """Whether a reply can say of some samples that they have no reward."""
    masks: bool = False
    """Whether it can say so of all of them."""


REWARD = Protocol(
    name="reward",
    path="/reward",
    wire=RewardRequest,
    batch=lambda request: request,
    reply=lambda request, scored: reward_reply(
        scored.scorer, scored.batch.samples, scored.scores, scored.batch.detail
    ),
    response_model=RewardReply,
    summary="Score a batch of completions",
    nulls=True,
)
"""The service's own."""
