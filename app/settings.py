"""The service's settings: from flags, then `SAFEGRPO_…` variables, then a file, then defaults."""

import os
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from rules.profile import load_profile

CONFIG_VARIABLE = "SAFEGRPO_CONFIG"


class Settings(BaseSettings):
    """What an operator can set."""

    model_config = SettingsConfigDict(env_prefix="SAFEGRPO_", extra="forbid", cli_kebab_case=True)

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8700, ge=0, le=65535, description="port to listen on; 0 picks a free one")
    workers: int = Field(1, ge=1, le=256, description="worker processes")
    profile: str = Field("safegrpo", description="the default profile: a name or a YAML file")
    profiles: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="further profiles of your own: YAML files, separated by commas"
    )
    max_body_bytes: int = Field(64 * 2**20, ge=1024, description="largest body of a request")
    max_samples: int = Field(16384, ge=1, description="most samples in a request")
    max_characters: int = Field(
        8 * 2**20, ge=1, description="most characters in one completion or prompt"
    )
    log_level: str = Field("info", pattern="^(debug|info|warning|error|critical)$")

    @field_validator("profiles", mode="before")
    @classmethod
    def _separated(cls, value: Any) -> Any:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @field_validator("profile")
    @classmethod
    def _profile_loads(cls, value: str) -> str:
        load_profile(value)
        return value

    @field_validator("profiles")
    @classmethod
    def _profiles_load(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            load_profile(name)
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        path = os.environ.get(CONFIG_VARIABLE)
        from_file = (YamlConfigSettingsSource(settings_cls, path),) if path else ()
        return init_settings, env_settings, *from_file
