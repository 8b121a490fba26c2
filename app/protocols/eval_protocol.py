"""eval-protocol: an evaluator at `POST /evaluate`.

The last assistant message is scored; `ground_truth` is the three labels, an object or JSON text,
and if you like `group` and `instruction`.
"""

from typing import Any

from pydantic import BaseModel

from app.errors import wrong_field
from app.protocol import Protocol, Scored
from app.protocols.translation import numbers, rewards_of, sample_at
from app.rows import instruction_of, written_by_assistant
from app.schema import Many, RewardRequest


class EvaluateRequest(BaseModel):
    """A conversation that ends with the completion."""

    messages: Many[dict[str, Any]]
    ground_truth: Any = None


class Metric(BaseModel):
    """One number of an evaluation."""

    score: float
    is_score_valid: bool
    reason: str


class EvaluateReply(BaseModel):
    """An evaluation; a sample that could not be scored is HTTP 503 instead."""

    score: float
    is_score_valid: bool
    reason: str
    metrics: dict[str, Metric]
    error: str | None


def batch(wire: EvaluateRequest) -> RewardRequest:
    """One sample: the last message."""
    if not wire.messages or wire.messages[-1].get("role") != "assistant":
        message = "`messages` must end with the assistant's message, which is what is scored"
        raise wrong_field("messages", 0, message)
    completion = written_by_assistant(wire.messages[-1])
    prompt = instruction_of(wire.messages[:-1])
    sample = sample_at(wire.ground_truth, "ground_truth", 0, completion, prompt)
    return RewardRequest(samples=[sample])


def reply(_: EvaluateRequest, scored: Scored) -> dict[str, Any]:
    """The reward as the score, with its reason, and each component as a metric.

    Components outside 0 … 1 (penalties, large weights) are left out, since eval-protocol does not
    accept them.
    """
    (score,) = rewards_of(scored.scores)
    (result,) = scored.scores
    if result.failure is not None:
        reason = f"{result.failure.code}: {result.failure.message}"
    else:
        reason = f"the answer's stance is {result.stance.kind if result.stance else 'unknown'}"
    return {
        "score": score,
        "is_score_valid": True,
        "reason": reason,
        "metrics": {
            name: {"score": value, "is_score_valid": True, "reason": name}
            for name, value in numbers(result).items()
            if 0 <= value <= 1
        },
        "error": None,
    }


EVAL_PROTOCOL = Protocol(
    name="eval_protocol",
    path="/evaluate",
    wire=EvaluateRequest,
    batch=batch,
    reply=reply,
    summary="Score in eval-protocol's format",
    response_model=EvaluateReply,
)
