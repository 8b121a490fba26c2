"""The HTTP service: bytes -> validated samples -> scores -> reply."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from app import metrics
from app.body import parse_body, read_body
from app.errors import RequestError
from app.protocol import REWARD, Protocol, Scored
from app.protocols import PROTOCOLS, add_routes
from app.reply import VERSION_HEADER, json_response
from app.schema import (
    ErrorReply,
    Problem,
    ProfileReply,
    ProfileSummary,
    Sample,
)
from app.scoring import Scoring
from app.settings import Settings
from rules.reward import Score, Scorer

_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorReply, "description": "the body is no JSON"},
    413: {"model": ErrorReply, "description": "body, samples or characters over the limit"},
    422: {"model": ErrorReply, "description": "a field is missing or wrong"},
    503: {"model": ErrorReply, "description": "no rewards now; see Retry-After"},
}


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application, with settings from the environment unless given."""
    settings = settings or Settings()
    app = FastAPI(
        title="SafeGRPO reward service",
        version=version("safegrpo"),
        summary="Verifies step-guided safety thinking and pays rewards for it.",
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.scoring = Scoring(settings.profile, settings.profiles)
    app.state.ready = False
    _add_error_handlers(app)
    _add_operations(app)
    _add_profiles(app)
    for protocol in (REWARD, *PROTOCOLS):
        add_scoring(app, protocol)
    add_routes(app)
    _document_request(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    for scorer in app.state.scoring.scorers.values():
        metrics.announce(scorer)
    # One thread: scoring holds the interpreter, so a second one would only add switching.
    with ThreadPoolExecutor(1, thread_name_prefix="score") as app.state.executor:
        app.state.ready = True
        yield
        app.state.ready = False
    await app.state.scoring.close()


def add_scoring(app: FastAPI, protocol: Protocol[Any]) -> None:
    """Register the address where a protocol's batches are scored."""

    @app.post(
        protocol.path,
        response_model=protocol.response_model,
        responses=_ERRORS,
        openapi_extra=_body_of(protocol),
        summary=protocol.summary,
        name=protocol.name,
    )
    async def score(request: Request) -> Response:
        started = time.perf_counter()
        with metrics.IN_FLIGHT.track_inprogress():
            settings, scoring = app.state.settings, app.state.scoring
            wire = parse_body(protocol.wire, await read_body(request, settings.max_body_bytes))
            batch = protocol.batch(wire)
            scorer = scoring.scorer(batch.profile)
            check_sizes(batch.samples, settings)
            scores = await score_batch(app, scorer, batch.samples)
            if not protocol.masks and scores and all(score.reward is None for score in scores):
                raise RequestError(503, "none of the samples could be scored", retry_after=1)
            reply = protocol.reply(wire, Scored(scorer, batch, scores))
            response = json_response(reply, headers={VERSION_HEADER: scorer.version})
        metrics.LATENCY.labels("200").observe(time.perf_counter() - started)
        return response


def _body_of(protocol: Protocol[Any]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{protocol.wire.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


async def score_batch(app: FastAPI, scorer: Scorer, samples: Sequence[Sample]) -> list[Score]:
    """Score a batch off the event loop, so that health checks answer meanwhile."""

    async def offload(compute: Callable[[], list[Score]]) -> list[Score]:
        queued = time.perf_counter()

        def timed() -> list[Score]:
            started = time.perf_counter()
            metrics.QUEUE_WAIT.observe(started - queued)
            scores = compute()
            metrics.COMPUTE.observe(time.perf_counter() - started)
            return scores

        return await asyncio.get_running_loop().run_in_executor(app.state.executor, timed)

    scores: list[Score] = await app.state.scoring.score(scorer, samples, offload)
    metrics.record(scorer, samples, scores)
    return scores


def check_sizes(samples: Sequence[Sample], settings: Settings) -> None:
    """Refuse what is over the limits.

    Raises:
        RequestError: 413 naming the limit and, where there is one, the sample.
    """
    if len(samples) > settings.max_samples:
        raise RequestError(
            413, f"the batch has {len(samples)} samples; at most {settings.max_samples} are taken"
        )
    for index, sample in enumerate(samples):
        for field in ("completion", "prompt"):
            length = len(getattr(sample, field))
            if length > settings.max_characters:
                message = f"has {length} characters; at most {settings.max_characters} are taken"
                problem = Problem(field=f"samples[{index}].{field}", sample=index, message=message)
                raise RequestError(413, f"{problem.field} {message}", [problem])


def _add_profiles(app: FastAPI) -> None:
    @app.get("/profiles", response_model=list[ProfileSummary], summary="The profiles served")
    async def profiles() -> Response:
        scoring: Scoring = app.state.scoring
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
        responses={404: {"model": ErrorReply}},
        summary="A profile in full, with the instruction text for the policy",
    )
    async def profile(name: str) -> Response:
        scorer = app.state.scoring.scorers.get(name)
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


def _add_operations(app: FastAPI) -> None:
    @app.get("/healthz", summary="Is the process alive?")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", responses={503: {"model": ErrorReply}}, summary="Does it take traffic?")
    async def readyz() -> dict[str, str]:
        if not app.state.ready:
            raise RequestError(503, "the service is draining", retry_after=1)
        return {"status": "ready"}

    @app.get("/metrics", summary="Reward statistics for Prometheus", response_class=Response)
    async def metrics_page() -> Response:
        return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(RequestError)
    async def refuse(request: Request, error: RequestError) -> Response:
        if request.method == "POST":
            metrics.REJECTED.labels(str(error.status)).inc()
        return json_response(error.reply.model_dump(), error.status, error.headers)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        reply = {"error": str(error.detail), "problems": []}
        return json_response(reply, error.status_code, dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def wrong_parameter(request: Request, error: RequestValidationError) -> Response:
        return json_response({"error": "a parameter of the address is wrong", "problems": []}, 422)

    @app.exception_handler(Exception)
    async def internal(request: Request, error: Exception) -> Response:
        metrics.REJECTED.labels("503").inc()
        reply = {"error": "the service failed on this request; send it again", "problems": []}
        return json_response(reply, 503, {"Retry-After": "1"})


def _document_request(app: FastAPI) -> None:
    """Put the requests' schemas into OpenAPI: bodies are parsed from bytes, not by FastAPI."""
    build = app.openapi

    def openapi() -> dict[str, Any]:
        document = build()
        schemas = document["components"]["schemas"]
        for protocol in (REWARD, *PROTOCOLS):
            schema = protocol.wire.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(schema.pop("$defs", {}))
            schemas[protocol.wire.__name__] = schema
        return document

    app.openapi = openapi  # type: ignore[method-assign]
