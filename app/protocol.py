"""A protocol: one trainer's wire format, translated to and from the common scoring path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from pydantic import BaseModel

from app.reply import reward_reply
from app.schema import RewardReply, RewardRequest
from rules.reward import Score, Scorer

Wire = TypeVar("Wire", bound=BaseModel)


MayLack = Literal["none", "some", "all"]
"""How many of its samples a reply can leave without a reward; `some` is fewer than all."""


class Scored(NamedTuple):
    """A batch and its scores, aligned with `batch.samples`."""

    scorer: Scorer
    batch: RewardRequest
    scores: list[Score]


@dataclass(frozen=True)
class Protocol(Generic[Wire]):
    """How a request becomes a batch, and its scores a reply."""

    name: str
    """The label in metrics."""
    path: str
    wire: type[Wire]
    """The model of a request's body."""
    batch: Callable[[Wire], RewardRequest]
    """May raise RequestError (422), naming the field."""
    reply: Callable[[Wire, Scored], Any]
    """The reply, to be serialised as JSON."""
    response_model: Any
    """The model of the reply, for the documentation."""
    summary: str
    may_lack: MayLack = "none"


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
    may_lack="some",
)
"""The service's own protocol."""
