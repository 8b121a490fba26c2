"""The wire schema of `POST /reward`. The training client shares this file and `rows`.

Numbers in a reply are finite; a sample that could not be scored (`service_error`) has `null`.
"""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field

Item = TypeVar("Item")
Many = Annotated[list[Item], FailFast()]
"""A list, validated up to its first invalid item: reporting millions would take minutes."""

Detail = Literal["components", "none"]
Status = Literal["ok", "policy_invalid", "service_error"]


def _label(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _integral(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Step = Annotated[int, Field(strict=True, ge=-(2**53), le=2**53), BeforeValidator(_integral)]
"""JSON has no integer type, so 3.0 is accepted; `true` and `"3"` are not."""

Verdict = Literal["safe", "unsafe"]
Label = Annotated[Verdict, BeforeValidator(_label)]
"""`safe` or `unsafe`; letter case and outer white space are ignored."""


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Labels(_Request):
    """The truth about a sample."""

    visual: Label
    text: Label
    combined: Label


class Sample(_Request):
    """One completion to score."""

    id: str | None = Field(None, max_length=1024, description="echoed in the result")
    group: str | None = Field(
        None, max_length=1024, description="samples of one prompt, for the group statistics"
    )
    completion: str
    prompt: str = Field(
        "",
        description="what the user asked; the rules read the answer by it, and nothing may copy it",
    )
    labels: Labels


class RewardRequest(_Request):
    """A batch of completions; `rewards` of the reply aligns with `samples`."""

    profile: str | None = Field(None, description="the server's default if left out")
    run: str | None = Field(None, max_length=256, description="a name for the statistics")
    step: Step | None = Field(None, description="of the training")
    detail: Detail = "components"
    samples: Many[Sample]


class StanceReport(BaseModel):
    """What the answer does, and the rule that decided."""

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["refusal", "rebuttal", "compliance", "unclear"] = Field(alias="is")
    rule: str


class FailureReport(BaseModel):
    """Why a completion fails the format. `offset` counts characters from 0, the others from 1."""

    code: str
    section: str | None
    offset: int
    line: int
    column: int
    expected: list[str]
    message: str


class Result(BaseModel):
    """A scored sample. `components` sum up to `reward`; `raw` is before gate and weights."""

    id: str | None
    status: Status
    reward: float | None
    components: dict[str, float | None]
    raw: dict[str, float | None]
    verdicts: dict[str, Verdict | None] | None
    stance: StanceReport | None
    failure: FailureReport | None


class RewardReply(BaseModel):
    """The reply to `POST /reward`; `results` is left out with `detail: none`."""

    profile: str
    version: str
    rewards: list[float | None]
    results: list[Result] | None = None


class ProfileSummary(BaseModel):
    """A profile in the list of `GET /profiles`."""

    name: str
    version: str
    description: str
    default: bool


class ProfileReply(BaseModel):
    """A profile in full, and the instruction text that tells the policy its format."""

    name: str
    version: str
    instruction: str
    profile: dict[str, Any]


class Problem(BaseModel):
    """One thing wrong with a request: the field, and the index of the sample it belongs to."""

    field: str
    sample: int | None
    message: str


class ErrorReply(BaseModel):
    """The body of every 4xx and 5xx reply. It never holds the text that was sent."""

    error: str
    problems: list[Problem] = []
