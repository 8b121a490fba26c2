"""Errors a caller can act on: each becomes a status code and an `ErrorReply`."""

from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.schema import ErrorReply, Labels, Problem, RewardRequest, Sample

MAX_PROBLEMS = 20
TOO_MANY_TO_NAME = 1000
"""Beyond this many errors, even listing them takes too long."""

_MESSAGES = {
    "missing": "is required",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "list_type": "must be an array",
    "string_type": "must be a string",
}
"""Replaces pydantic's messages that speak of Python types rather than JSON."""

_LISTS_OF_SAMPLES = ("samples", "query", "prompts", "labels")

_REASONS = {
    400: "json",
    401: "unauthorized",
    408: "body_timeout",
    413: "size",
    415: "encoding",
    422: "invalid",
    503: "internal",
}

NO_SUCH_ADDRESS = "nothing is served at this address; /docs has those that are"

RETRY_SECONDS = 1
"""For Retry-After: the next try may reach another worker, or a shorter queue."""


class RequestError(Exception):
    """A request that gets no rewards: HTTP status, a sentence, and the problem of each field.

    `reason` is a label for the metrics, one of a few words; the default follows from the status.
    """

    def __init__(
        self,
        status: int,
        error: str,
        problems: Sequence[Problem] = (),
        reason: str | None = None,
    ) -> None:
        super().__init__(error)
        self.status = status
        self.reply = ErrorReply(error=error, problems=list(problems))
        self.reason = reason or _REASONS.get(status, "other")

    @property
    def headers(self) -> dict[str, str]:
        headers = {}
        if self.status in (429, 503):
            headers["Retry-After"] = str(RETRY_SECONDS)
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if self.status == 408:
            headers["Connection"] = "close"
        return headers


def wrong_field(field: str, index: int | None, message: str) -> RequestError:
    """422 about one field."""
    return RequestError(422, message, [Problem(field=field, sample=index, message=message)])


def invalid_request(error: ValidationError) -> RequestError:
    """422 naming each field and sample; input and unknown keys are never echoed."""
    if error.error_count() > TOO_MANY_TO_NAME:
        message = f"holds {error.error_count()} keys and values that are wrong; see /docs"
        return RequestError(
            422,
            f"the request {message}",
            [Problem(field="the request", sample=None, message=message)],
        )
    errors = error.errors(include_url=False, include_context=False)
    problems = [_problem(one, error.title) for one in errors]
    named = problems[:MAX_PROBLEMS]
    more = f" (and {len(problems) - len(named)} more)" if len(problems) > len(named) else ""
    sentence = f"{named[0].field}: {named[0].message}{more}"
    return RequestError(422, sentence, named)


def _problem(error: ErrorDetails, model: str) -> Problem:
    loc, kind = error["loc"], error["type"]
    message = _MESSAGES.get(kind, error["msg"].replace("Input should be", "must be"))
    if kind == "extra_forbidden":
        loc = loc[:-1]
        message = f"holds a key that is not known; there are {_keys_at(loc, model)}"
    if kind == "string_type" and error["input"] is None:
        message += '; "" if there is none'
    sample = loc[1] if len(loc) > 1 and loc[0] in _LISTS_OF_SAMPLES else None
    return Problem(
        field=_path(loc) or "the request",
        sample=sample if isinstance(sample, int) else None,
        message=message,
    )


def _keys_at(loc: tuple[int | str, ...], model: str) -> str:
    """The keys of the object at a place in a `model`, whose unknown ones are refused."""
    if loc[-1:] == ("labels",):
        fields = Labels.model_fields
    elif loc or model == Sample.__name__:
        fields = Sample.model_fields
    else:
        fields = RewardRequest.model_fields
    return ", ".join(fields)


def _path(loc: tuple[int | str, ...]) -> str:
    """`("samples", 3, "labels")` -> `samples[3].labels`."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc]
    return "".join(parts).lstrip(".")
