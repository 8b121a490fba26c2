"""The HTTP application: what is served where."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from app import exposition
from app.auth import DOCUMENTATION_FILES, Keys
from app.errors import NO_SUCH_ADDRESS, RequestError
from app.gate import Gate, failed, refused
from app.lifespan import serving
from app.openapi import (
    INTRODUCTION,
    OPERATION,
    PROFILES,
    REFUSALS,
    REWARDS,
    SECTIONS,
    TRAINERS,
    described,
    document,
    in_query,
)
from app.protocol import REWARD, Protocol
from app.protocols import PROTOCOLS, nemo_gym
from app.reply import VERSION_HEADER, json_response
from app.schema import ErrorReply, ProfileReply, ProfileSummary
from app.scoring import Scoring
from app.service import Service
from app.settings import Settings
from rules.profile import shipped_profiles

SERVED: tuple[Protocol[Any], ...] = (REWARD, *PROTOCOLS)

_INSTEAD = {
    404: NO_SUCH_ADDRESS,
    405: "this address takes another method; see the header Allow",
}
"""Replaces the framework's messages by what the caller can do."""


def scoring_of(settings: Settings) -> Scoring:
    """Scoring with all profiles served: the shipped ones and the operator's own.

    Raises LexiconError if a file of stance rules cannot be used.
    """
    return Scoring(settings.default_profile, (*shipped_profiles(), *settings.other_profiles))


def create_app(settings: Settings, scoring: Scoring | None = None) -> Gate:
    """The application; `scoring` defaults to the profiles in the settings."""
    scoring = scoring or scoring_of(settings)
    service = Service(settings, scoring)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with serving(service):
            yield

    app = FastAPIOffline(  # training clusters often cannot reach a CDN
        static_url=DOCUMENTATION_FILES,
        title="SafeGRPO reward service",
        version=version("safegrpo"),
        summary="Scores completions for GRPO training: their safety reasoning and their answer.",
        description=INTRODUCTION,
        openapi_tags=SECTIONS,
        lifespan=lifespan,
        redoc_url=None,
        responses={"4XX": {"model": ErrorReply, "description": "what is wrong with the request"}},
    )
    _add_error_handlers(app)
    for protocol in SERVED:
        _document_scoring(app, protocol, list(scoring.scorers))
    nemo_gym.add_routes(app, service)
    _add_profiles(app, scoring)
    _add_operations(app, service)
    document(app, list(scoring.scorers))
    key = settings.metrics_key
    keys = Keys(settings.accepted_keys, key.get_secret_value() if key else None)
    return Gate(app, service, SERVED, keys)


def _document_scoring(app: FastAPI, protocol: Protocol[Any], profiles: list[str]) -> None:
    """Declare the route of a protocol to FastAPI, for /docs alone: the gate answers there."""

    @app.post(
        protocol.path,
        name=protocol.name,
        response_model=protocol.response_model,
        responses=REFUSALS,
        summary=protocol.summary,
        description=described(protocol.wire),
        tags=[REWARDS if protocol is REWARD else TRAINERS],
        openapi_extra={} if protocol is REWARD else in_query(profiles),
    )
    async def scored(
        body: protocol.wire,  # type: ignore[name-defined]  # evaluated by FastAPI when this runs
    ) -> None:
        raise AssertionError("the gate lets no scoring request pass")


def _add_profiles(app: FastAPI, scoring: Scoring) -> None:
    @app.get(
        "/profiles",
        response_model=list[ProfileSummary],
        summary="The profiles served",
        tags=[PROFILES],
    )
    async def profiles() -> Response:
        return json_response(
            [
                {
                    "name": name,
                    "version": scorer.version,
                    "description": scorer.profile.description,
                    "default": name == scoring.default,
                }
                for name, scorer in sorted(scoring.scorers.items())
            ]
        )

    @app.get(
        "/profiles/{name}",
        response_model=ProfileReply,
        summary="A profile in full, with the instruction text for the policy",
        tags=[PROFILES],
    )
    async def profile(name: str) -> Response:
        scorer = scoring.scorers.get(name)
        if scorer is None:
            raise RequestError(404, "there is no such profile; GET /profiles lists them")
        content = scorer.profile.model_dump(mode="json")
        reply = {
            "name": scorer.profile.name,
            "version": scorer.version,
            "instruction": content.pop("instruction"),
            "profile": content,
        }
        return json_response(reply, headers={VERSION_HEADER: scorer.version})


def _add_operations(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", summary="Is the process alive?", tags=[OPERATION])
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get(
        "/readyz",
        responses={503: {"model": ErrorReply}},
        summary="Does it take traffic?",
        tags=[OPERATION],
    )
    async def readyz() -> dict[str, str]:
        if not service.ready:
            raise RequestError(503, "the service is draining", reason="draining")
        return {"status": "ready"}

    @app.get(
        "/metrics",
        responses={200: {"content": {"text/plain": {}}}},
        response_class=Response,
        summary="Reward statistics for Prometheus",
        tags=[OPERATION],
    )
    async def metrics_page() -> Response:
        service.publish()
        page = await asyncio.to_thread(exposition.page)
        return Response(page, media_type=CONTENT_TYPE_LATEST)


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(RequestError)
    async def refuse(request: Request, error: RequestError) -> Response:
        return refused(request.scope, error)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        reply = {"error": _INSTEAD.get(error.status_code, str(error.detail)), "problems": []}
        return json_response(reply, error.status_code, dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def internal(request: Request, error: Exception) -> Response:
        return failed(request.scope)
