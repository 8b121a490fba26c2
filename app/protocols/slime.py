"""slime's remote reward: `--rm-type remote_rm --rm-url http://localhost:8700/slime
--reward-key reward`.

One sample a request. The label is JSON text with the three labels, and if you like `group` and
`instruction` (`--label-key` names its column).
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainValidator
from pydantic_core import PydanticCustomError

from app.protocol import Protocol, Scored
from app.protocols.translation import numbers, rewards_of, sample_at, without_end_tokens
from app.rows import instruction_of
from app.schema import RewardRequest


def _prompt(value: Any) -> Any:
    conversation = isinstance(value, list) and all(isinstance(turn, dict) for turn in value)
    if not isinstance(value, str) and not conversation:
        raise PydanticCustomError("prompt", "must be a text or a list of messages")
    return value


class SlimeRequest(BaseModel):
    """`prompt` is a string, or a conversation."""

    prompt: Annotated[
        str | list[dict[str, Any]], PlainValidator(_prompt, str | list[dict[str, Any]])
    ]
    response: str
    label: Any = None


class SlimeReply(BaseModel):
    """`outcome` is the failure's code or the answer's stance: `--log-reward-category outcome`.

    Also has the components by name, and the raw values as `raw_…`.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float]

    reward: float
    outcome: str


def batch(wire: SlimeRequest) -> RewardRequest:
    """One sample."""
    completion, prompt = without_end_tokens(wire.response), instruction_of(wire.prompt)
    sample = sample_at(wire.label, "label", 0, completion, prompt)
    return RewardRequest(samples=[sample])


def reply(_: SlimeRequest, scored: Scored) -> dict[str, Any]:
    """The reward with its components beside it."""
    (reward,) = rewards_of(scored.scores)
    (score,) = scored.scores
    stance = score.stance.kind if score.stance else "none"
    outcome = score.failure.code if score.failure else stance
    return {"reward": reward, "outcome": outcome, **numbers(score)}


SLIME = Protocol(
    name="slime",
    path="/slime",
    wire=SlimeRequest,
    batch=batch,
    reply=reply,
    summary="Score in slime's remote_rm format",
    response_model=SlimeReply,
)
