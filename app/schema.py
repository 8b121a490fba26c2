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


LONGEST_NAME = 1024
"""Most characters of a sample's `id` or `group`."""

LONGEST_RUN = 256
"""Most characters of a run's name."""

Step = Annotated[int, Field(strict=True, ge=-(2**53), le=2**53), BeforeValidator(_integral)]
"""JSON has no integer type, so 3.0 is accepted; `true` and `"3"` are not."""

Verdict = Literal["safe", "unsafe"]
Label = Annotated[Verdict, BeforeValidator(_label)]
"""`safe` or `unsafe`; letter case and outer white space are ignored."""


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Labels(_Request):
    """The three labels of a sample, which its verdicts are compared with."""

    visual: Label = Field(description="is the image safe by itself?")
    text: Label = Field(description="is the user's text safe by itself?")
    combined: Label = Field(description="are image and text safe together?")


class Sample(_Request):
    """One completion to score."""

    id: str | None = Field(
        None, max_length=LONGEST_NAME, description="a name of your own, echoed in the result"
    )
    group: str | None = Field(
        None,
        max_length=LONGEST_NAME,
        description="the same for all completions of one prompt; only for the group statistics, "
        "and does not change the reward",
    )
    completion: str = Field(description="what the policy wrote, thinking and tags included")
    prompt: str = Field(
        "",
        description="the user's text; the profile's instruction may stand behind it. Optional but "
        "recommended: the answer is judged in its light, and reasoning that copies it is detected",
    )
    labels: Labels


class RewardRequest(_Request):
    """A batch of completions; `rewards` of the reply aligns with `samples`."""

    profile: str | None = Field(
        None, description="name of the reward profile; default: the one the server was started with"
    )
    run: str | None = Field(
        None, max_length=LONGEST_RUN, description="name of your training run, for the statistics"
    )
    step: Step | None = Field(None, description="training step, for the statistics")
    detail: Detail = Field(
        "components", description="`none` leaves `results` out of the reply: rewards alone"
    )
    samples: Many[Sample] = Field(description="an empty array is allowed")


class StanceReport(BaseModel):
    """What the answer does, and the rule that decided."""

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["refusal", "rebuttal", "compliance", "unclear"] = Field(
        alias="is", description="refusal and rebuttal both decline; only compliance helps"
    )
    rule: str = Field(description="such as en.first_person_cannot")


class FailureReport(BaseModel):
    """Why a completion fails the format. `offset` counts characters from 0, the others from 1."""

    code: str = Field(description="such as missing_section; the README lists all")
    section: str | None = Field(description="think, visual, text, combined, answer, or none")
    offset: int
    line: int
    column: int
    expected: list[str] = Field(description="what could have stood at this place")
    message: str


class Result(BaseModel):
    """A scored sample. `components` sum up to `reward`; `raw` is before gate and weights."""

    id: str | None = Field(description="as in the request")
    status: Status = Field(
        description="`policy_invalid`: the completion fails the format, the reward is a genuine 0 "
        "(unless the profile has further components). `service_error`: it could not be scored, the "
        "reward is null; leave the sample out of its group"
    )
    reward: float | None
    components: dict[str, float | None] = Field(
        description="gated and weighted: format (always 0, it is the gate), tag, behavior, and "
        "those that the profile adds"
    )
    raw: dict[str, float | None] = Field(
        description="the same components before gate and weights; format is 1 or 0"
    )
    verdicts: dict[str, Verdict | None] | None = Field(
        description="of the policy: visual, text and combined; null where none can be read"
    )
    stance: StanceReport | None = Field(description="null where no answer can be read")
    failure: FailureReport | None = Field(description="null unless the format fails")


class RewardReply(BaseModel):
    """The reply to `POST /reward`; `results` is left out with `detail: none`."""

    profile: str = Field(description="the profile that was used")
    version: str = Field(description="changes whenever anything that decides a reward changes")
    rewards: list[float | None] = Field(
        description="one for each of `samples`, in their order; null: it could not be scored"
    )
    results: list[Result] | None = None


class ProfileSummary(BaseModel):
    """A profile in the list of `GET /profiles`."""

    name: str
    version: str
    description: str
    default: bool = Field(description="used where a request names no profile")


class ProfileReply(BaseModel):
    """A profile in full, and the instruction text that tells the policy its format."""

    name: str
    version: str
    instruction: str = Field(description="append it to the user's text in every prompt")
    profile: dict[str, Any] = Field(description="its settings, as in the YAML file")


class Problem(BaseModel):
    """One thing wrong with a request: the field, and the index of the sample it belongs to."""

    field: str
    sample: int | None
    message: str


class ErrorReply(BaseModel):
    """The body of every 4xx and 5xx reply. It never holds the text that was sent."""

    error: str = Field(description="one sentence: what is wrong, or what to do")
    problems: list[Problem] = Field([], description="the first 20 faulty fields, with status 422")
