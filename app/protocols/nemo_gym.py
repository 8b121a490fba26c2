"""NeMo Gym: the service is a resources server (`POST /verify`), for NeMo Gym's agents and for
trainers that use its format (tested with NeMo-RL).

The request holds the columns of the data set's row: the labels are in SafeTag's columns, or in
`labels`, `label` or `ground_truth`, with `group` and `instruction` beside them if you like. A
sample that could not be scored is masked, never a zero that is trained on; other failures of the
service are 5xx, which NeMo Gym counts as infrastructure. The service is stateless, so seeding a
session does nothing and rollouts can be verified again.
"""

import time
from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from app.body import parse_body
from app.compression import unpack
from app.errors import wrong_field
from app.exchange import exchange_of
from app.nemo_gym_metrics import AggregateMetrics, AggregateMetricsRequest, aggregate
from app.openapi import REFUSALS, TRAINERS
from app.protocol import Protocol, Scored
from app.protocols.translation import numbers
from app.rows import LabelError, instruction_of, row_ground_truth, text_of
from app.schema import RewardRequest, Sample
from app.service import Service


class VerifyRequest(BaseModel):
    """A row with the model's response; unknown columns are echoed."""

    model_config = ConfigDict(extra="allow")

    responses_create_params: dict[str, Any]
    response: dict[str, Any]


class InstanceConfig(BaseModel):
    """Whether the trainer leaves the sample out of its loss."""

    mask_sample: bool


class VerifyReply(BaseModel):
    """The request's columns and the reward, which is the sum of its components."""

    model_config = ConfigDict(extra="allow")

    responses_create_params: dict[str, Any]
    response: dict[str, Any]
    reward: float
    reward_components: dict[str, float]
    instance_config: InstanceConfig


def batch(wire: VerifyRequest) -> RewardRequest:
    """One sample: the assistant's part of the response."""
    try:
        truth = row_ground_truth(wire.model_extra or {})
    except LabelError as error:
        raise wrong_field("labels", 0, str(error)) from None
    sample = Sample(
        completion=completion_of(wire.response),
        prompt=truth.instruction or instruction_of(wire.responses_create_params.get("input")),
        labels=truth.labels,
        group=truth.group,
    )
    return RewardRequest(samples=[sample])


def completion_of(response: Mapping[str, Any]) -> str:
    """What the model wrote.

    A reasoning parser on the model's server removes the thinking and its tags from the text; both
    are restored. Empty where the response is an error of the model's server.

    Raises:
        RequestError: 422, the response has neither output nor error.
    """
    output = response.get("output")
    if not isinstance(output, list):
        if response.get("error"):
            return ""
        raise wrong_field("response.output", 0, "`response.output` must be an array of items")
    written = []
    for item in output:
        if not isinstance(item, Mapping):
            continue
        if item.get("type") == "reasoning":
            thoughts = text_of(item.get("content")) or text_of(item.get("summary"))
            written.append(f"<think>{thoughts}</think>\n")
        elif item.get("type") == "message" and item.get("role", "assistant") == "assistant":
            written.append(text_of(item.get("content")))
    return "".join(written)


def reply(wire: VerifyRequest, scored: Scored) -> Any:
    """The row with its reward.

    Masked if the request was, if the sample could not be scored, or if the model's server failed.
    """
    (score,) = scored.scores
    row = wire.model_dump()
    given = row.get("instance_config")
    config = given if isinstance(given, dict) else {}
    failed = score.reward is None or bool(wire.response.get("error"))
    content = {
        **row,
        **{name: value for name, value in numbers(score).items() if name.startswith("raw_")},
        "reward": score.reward or 0.0,
        "reward_components": {name: value or 0.0 for name, value in score.components.items()},
        "policy_invalid": float(score.status == "policy_invalid"),
        "instance_config": {**config, "mask_sample": failed or bool(config.get("mask_sample"))},
    }
    # A row may hold any JSON, including integers of more than 64 bits, which orjson refuses.
    return orjson.Fragment(to_json(content, inf_nan_mode="null"))


NEMO_GYM = Protocol(
    name="nemo_gym",
    path="/verify",
    wire=VerifyRequest,
    batch=batch,
    reply=reply,
    summary="Score in NeMo Gym's format",
    response_model=VerifyReply,
    may_lack="all",
)


def add_routes(app: FastAPI, service: Service) -> None:
    """The routes of a NeMo Gym resources server other than `/verify`."""

    @app.post("/seed_session", summary="NeMo Gym: begin a rollout", tags=[TRAINERS])
    async def seed_session() -> dict[str, str]:
        return {}

    @app.get(
        "/reverify_mode",
        summary="NeMo Gym: can stored rollouts be scored again?",
        tags=[TRAINERS],
    )
    async def reverify_mode() -> str:
        return "stateless"

    @app.post(
        "/aggregate_metrics",
        responses=REFUSALS,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {"schema": AggregateMetricsRequest.model_json_schema()}
                },
            }
        },
        summary="NeMo Gym: statistics of scored rollouts",
        tags=[TRAINERS],
        response_model=AggregateMetrics,
    )
    async def aggregate_metrics(request: Request) -> Response:
        exchange, settings = exchange_of(request.scope), service.settings
        with service.admission.ticket() as ticket:
            body = await service.read(request.scope, request.receive, ticket)
            deadline = time.monotonic() + settings.deadline_seconds
            place = service.turns.place(deadline, lambda: False, exchange.waited)
            limit = settings.max_body_bytes
            content = await place.run(
                lambda: _aggregated(unpack(body, exchange.encoding, limit, ticket.hold))
            )
            return Response(content, media_type="application/json")

    @app.get("/health", include_in_schema=False)
    @app.get("/", include_in_schema=False)
    async def alive() -> dict[str, str]:
        return {"status": "ok"}


def _aggregated(body: bytes) -> str:
    rollouts = parse_body(AggregateMetricsRequest, body).verify_responses
    return aggregate(rollouts).model_dump_json()
