"""Scores -> the JSON of a reply."""

from collections.abc import Sequence
from typing import Any

import orjson
from starlette.responses import Response

from app.schema import Detail, Sample
from grammar import ParseFailure
from rules.reward import Score, Scorer

VERSION_HEADER = "X-Reward-Version"
_VERSION = VERSION_HEADER.lower().encode("ascii")


def reward_reply(
    scorer: Scorer, samples: Sequence[Sample], scores: Sequence[Score], detail: Detail
) -> dict[str, Any]:
    """The body of a reply, shaped like `schema.RewardReply`."""
    reply: dict[str, Any] = {
        "profile": scorer.profile.name,
        "version": scorer.version,
        "rewards": [score.reward for score in scores],
    }
    if detail != "none":
        pairs = zip(samples, scores, strict=True)
        reply["results"] = [result(sample.id, score) for sample, score in pairs]
    return reply


def result(sample_id: str | None, score: Score) -> dict[str, Any]:
    """One scored sample, shaped like `schema.Result`."""
    stance = score.stance
    return {
        "id": sample_id,
        "status": score.status,
        "reward": score.reward,
        "components": score.components,
        "raw": score.raw,
        "verdicts": score.verdicts,
        "stance": None if stance is None else {"is": stance.kind, "rule": stance.rule},
        "failure": None if score.failure is None else _failure(score.failure),
    }


def _failure(failure: ParseFailure) -> dict[str, Any]:
    return {
        "code": failure.code,
        "section": failure.section,
        "offset": failure.offset,
        "line": failure.line,
        "column": failure.column,
        "expected": failure.expected,
        "message": failure.message,
    }


class RewardResponse(Response):
    """Rewards as JSON, with their headers."""

    def __init__(self, content: bytes, version: str, server_timing: str) -> None:
        # Not the base's constructor: encoding its headers takes as long as parsing a sample.
        self.status_code = 200
        self.background = None
        self.body = content
        self.raw_headers = [
            (_VERSION, version.encode("latin-1")),
            (b"server-timing", server_timing.encode("latin-1")),
            (b"content-length", b"%d" % len(content)),
            (b"content-type", b"application/json"),
        ]


def json_response(
    content: Any, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """A JSON response, written by orjson."""
    return Response(orjson.dumps(content), status, headers, media_type="application/json")
