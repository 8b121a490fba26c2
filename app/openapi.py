"""What FastAPI cannot derive for /docs: sections, error replies, profiles, API keys."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI

from app.schema import ErrorReply

REWARDS, TRAINERS, PROFILES, OPERATION = "rewards", "trainers", "profiles", "operation"
SECTIONS = [
    {"name": REWARDS, "description": "The service's own protocol"},
    {"name": TRAINERS, "description": "The same rewards, as trainers ask for them"},
    {"name": PROFILES, "description": "What is rewarded, and the instruction for the policy"},
    {"name": OPERATION, "description": "Probes and statistics"},
]
"""Sections of the page, in order; FastAPI's `openapi_tags`."""

_REFUSALS = {
    400: "the body is no JSON",
    401: "an API key is needed",
    408: "the body did not arrive in time",
    413: "body, samples or characters over the limit",
    415: "the body's encoding is not known",
    422: "a field is missing or wrong",
    429: "as much to score as the service can hold; see Retry-After",
    503: "no rewards now; see Retry-After",
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorReply, "description": description}
    for status, description in _REFUSALS.items()
}
"""Error replies of scoring requests; FastAPI's `responses`."""


def document(app: FastAPI, profiles: Sequence[str]) -> None:
    """Add the names of the profiles and the API keys to `app.openapi`."""
    build = app.openapi

    def openapi() -> dict[str, Any]:
        found = build()
        components = found["components"]
        profile = components["schemas"]["RewardRequest"]["properties"]["profile"]
        profile["anyOf"] = [{"type": "string", "enum": sorted(profiles)}, {"type": "null"}]
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
        found["security"] = [{}, {"bearer": []}, {"key": []}]
        return found

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI documents it
