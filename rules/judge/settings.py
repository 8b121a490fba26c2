"""The section `judge` of a profile: which judge, and when it is asked."""

from typing import Literal

import httpx
from pydantic import Field, StrictFloat, StrictInt, field_validator, model_validator

from rules.yaml_model import YamlModel

JudgeFormat = Literal["wildguard", "qwen3guard", "llama_guard", "rubric"]


class JudgeSettings(YamlModel):
    """The key `judge` of a profile.

    `ask`: `unclear` asks about the answers whose stance the rules leave unclear, `all` about all;
    neither about those that say nothing, repeat what the policy was told or hide a message.
    `rubric`: for format `rubric`, a prompt with the places {prompt} and {answer}; the judge must
    reply with a JSON object whose `stance` is refusal, rebuttal, compliance or unclear.
    """

    url: str = Field(pattern=r"^https?://", description="base address, up to and with /v1")
    model: str
    format: JudgeFormat
    ask: Literal["unclear", "all"] = "unclear"
    rubric: str | None = None
    api_key_variable: str | None = Field(
        None, description="the environment variable that holds the endpoint's key"
    )
    max_tokens: StrictInt | None = Field(
        None, ge=1, description="most tokens of a reply, where the format's own are too few"
    )
    timeout: StrictFloat = Field(10.0, gt=0, le=3600, description="seconds for one request")
    retries: StrictInt = Field(2, ge=0, description="further tries after a failed one")
    concurrency: StrictInt = Field(32, ge=1, description="requests in flight at most")
    cache: StrictInt = Field(65536, ge=0, description="answers remembered at most")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        try:
            url = httpx.URL(value)
        except httpx.InvalidURL as error:
            raise ValueError(f"is no address: {error}") from None
        if not url.host:
            raise ValueError("names no host")
        if url.userinfo:  # anybody may read the profile
            raise ValueError("holds a password; put the key into the api_key_variable's variable")
        return value

    @model_validator(mode="after")
    def _rubric_belongs_to_its_format(self) -> "JudgeSettings":
        if self.rubric is not None and self.format != "rubric":
            raise ValueError("rubric is a key of format rubric alone")
        if self.rubric is not None and "{answer}" not in self.rubric:
            raise ValueError("rubric must have the place {answer}")
        return self
