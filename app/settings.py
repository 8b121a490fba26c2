"""The service's settings: from flags, then `SAFEGRPO_…` variables, then a file, then defaults."""

import os
import ssl
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, FilePath, PrivateAttr, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from app.settings_sources import ConfigFile, keys_of, refuse_misspelt
from rules.judge import JudgeError, authorization
from rules.profile import Profile, load_profile, shipped_profiles

PREFIX = "SAFEGRPO_"
"""Prefix of the environment variables."""

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
WholeSeconds = Annotated[int, Field(ge=1, le=86_400)]
"""At most a day, like `Seconds`: system timers do not accept much larger numbers."""


_CAPTURE = frozenset({"capture_share", "capture_max_bytes"})
_CAPTURED_BYTES = 2**20
"""Least capture size per worker: much smaller files could not hold a batch."""


class Settings(BaseSettings):
    """Start the reward service. Each flag is also a variable (--port: SAFEGRPO_PORT) and a key of
    the YAML file that --config names. Limits hold for each worker process."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        extra="forbid",
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
    )

    config: FilePath | None = Field(
        None, description="a YAML file with any of these settings; flags and variables go before it"
    )
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8700, ge=0, le=65535, description="port to listen on; 0 picks a free one")
    workers: int = Field(1, ge=1, le=256, description="worker processes")
    profile: str = Field("safegrpo", description="the default profile: a name or a YAML file")
    profiles: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="further profiles of your own: YAML files, separated by commas"
    )

    max_body_bytes: int = Field(
        64 * 2**20, ge=1024, description="largest body of a request, sent and unpacked"
    )
    max_samples: int = Field(16384, ge=1, description="most samples in a request")
    max_characters: int = Field(
        8 * 2**20, ge=1, description="most characters in one completion or prompt"
    )
    queue_bytes: int = Field(
        256 * 2**20, ge=1024, description="most bytes held at a time; beyond it: 429"
    )
    queue_samples: int = Field(
        65536, ge=1, description="most samples held at a time; beyond it: 429"
    )
    deadline_seconds: Seconds = Field(
        30, description="seconds from a whole body to its reply; what is not scored by then is null"
    )
    head_seconds: Seconds = Field(
        10, description="seconds for a request's head to arrive; beyond it the connection is closed"
    )
    body_seconds: Seconds = Field(
        30, description="seconds for a body to arrive, beyond it: 408; and for a reply to be read"
    )
    keep_alive_seconds: WholeSeconds = Field(
        75, description="seconds that an idle connection is kept; more than clients keep theirs"
    )
    drain_seconds: float = Field(
        1,
        ge=0,
        le=3600,
        description="seconds after SIGTERM in which /readyz is 503 but requests are still taken",
    )
    grace_seconds: WholeSeconds = Field(
        35, description="seconds after that to finish what is in flight"
    )

    api_keys: Annotated[tuple[SecretStr, ...] | None, NoDecode] = Field(
        None, description="keys that clients must send, separated by commas; none: no key is needed"
    )
    api_keys_file: FilePath | None = Field(
        None, description="a file with such keys, one a line; lines with # are comments"
    )
    metrics_key: SecretStr | None = Field(
        None, description="the key for /metrics; without it, any API key is accepted there"
    )
    tls_certificate: FilePath | None = Field(None, description="serve HTTPS with this PEM file")
    tls_key: FilePath | None = Field(None, description="the certificate's private key")
    tls_key_password: SecretStr | None = Field(None, description="the private key's password")
    tls_client_ca: FilePath | None = Field(
        None, description="accept only clients whose certificates these authorities signed"
    )

    log_level: Literal["debug", "info", "warning", "error", "critical"] = Field(
        "info", description="least severity that is logged"
    )
    log_requests: bool = Field(
        False, description="log each request, not only those that got no rewards"
    )
    max_runs: int = Field(
        20, ge=0, description="runs that the statistics tell apart by name; later ones are `other`"
    )
    group_seconds: Seconds = Field(
        120, description="seconds without a new completion after which a group counts as complete"
    )
    capture_folder: Path | None = Field(
        None, description="write a share of the samples with their scores here: CONTENT, for audit"
    )
    capture_share: float = Field(
        0.01, gt=0, le=1, description="share of the samples that is captured, by chance"
    )
    capture_max_bytes: int = Field(
        2**30, description="most bytes of the folder; the oldest files make room"
    )

    _default: Profile = PrivateAttr()
    _others: tuple[Profile, ...] = PrivateAttr()
    _keys_of_file: tuple[str, ...] = PrivateAttr(())

    @field_validator("workers")
    @classmethod
    def _can_count_together(cls, value: int) -> int:
        if value > 1:
            try:
                tempfile.gettempdir()
            except OSError:
                raise ValueError(
                    "several add up their counts in a temporary directory, and there is none that "
                    "can be written; mount one at /tmp, or set TMPDIR"
                ) from None
        return value

    @field_validator("profiles", "api_keys", mode="before")
    @classmethod
    def _separated(cls, value: Any) -> Any:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @field_validator("api_keys")
    @classmethod
    def _are_keys(cls, value: tuple[SecretStr, ...] | None) -> tuple[SecretStr, ...] | None:
        if value is not None and (not value or not all(value)):
            raise ValueError("holds no key, or an empty one; leave it out if none is needed")
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _in_any_case(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("host", "metrics_key", "capture_folder", mode="before")
    @classmethod
    def _is_given(cls, value: Any) -> Any:
        given = value.strip() if isinstance(value, str) else value  # a secret may end with "\n"
        if given == "":  # as a folder the current directory, as a host every address
            raise ValueError("is empty; leave it out if none is needed")
        return given

    @field_validator("capture_folder")
    @classmethod
    def _can_be_written(cls, value: Path | None) -> Path | None:
        if value is not None:
            try:
                value.mkdir(mode=0o700, parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=value).close()
            except OSError as error:
                raise ValueError(f"cannot be written: {error.strerror}") from None
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.queue_bytes < self.max_body_bytes:
            raise ValueError("queue_bytes must be at least max_body_bytes, or no such body fits")
        if self.queue_samples < self.max_samples:
            raise ValueError("queue_samples must be at least max_samples, or no such batch fits")
        if self.grace_seconds < self.deadline_seconds:
            raise ValueError(
                "grace_seconds must be at least deadline_seconds, or what is in flight is cut off "
                "when the service stops"
            )
        if self.capture_max_bytes < self.workers * _CAPTURED_BYTES:
            raise ValueError("capture_max_bytes must be at least 1 MiB for each of the workers")
        if self.capture_folder is None and not _CAPTURE.isdisjoint(self.model_fields_set):
            raise ValueError("capture_share and capture_max_bytes are of capture_folder; give it")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together; give both or neither")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise ValueError("tls_client_ca needs tls_certificate and tls_key")
        return self

    @model_validator(mode="after")
    def _profiles_load(self) -> Self:
        self._default = _load(self.profile)
        self._others = tuple(_load(source) for source in self.profiles)
        named = {name: load_profile(name) for name in shipped_profiles()}
        for other in (self._default, *self._others):
            if named.setdefault(other.name, other) != other:
                raise ValueError(
                    f"two profiles have the name {other.name!r}, by which requests ask for them; "
                    "change the key `name` of one"
                )
        return self

    @model_validator(mode="after")
    def _keys_load(self) -> Self:
        if self.api_keys_file is not None:
            self._keys_of_file = keys_of(self.api_keys_file)
        return self

    @model_validator(mode="after")
    def _certificates_load(self) -> Self:
        if self.tls_certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            key = self.tls_key_password
            password = key.get_secret_value() if key else ""  # None would ask at the terminal
            try:
                context.load_cert_chain(self.tls_certificate, self.tls_key, password)
                context.load_verify_locations(self.tls_client_ca or self.tls_certificate)
            except OSError as error:
                raise ValueError(
                    "tls_certificate, tls_key or tls_client_ca is not what it should be, or "
                    f"tls_key_password is wrong: {error.strerror or error}"
                ) from None
        return self

    @property
    def default_profile(self) -> Profile:
        """The default profile, as its file was when these settings were created.

        A worker that replaces a dead one must give the same rewards as the others, even if the file
        has changed since.
        """
        return self._default

    @property
    def other_profiles(self) -> tuple[Profile, ...]:
        """The operator's further profiles, as their files were when these settings were created."""
        return self._others

    @property
    def accepted_keys(self) -> list[str]:
        """The API keys of both sources, as they were when these settings were created."""
        return [*(key.get_secret_value() for key in self.api_keys or ()), *self._keys_of_file]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        refuse_misspelt(PREFIX, os.environ, settings_cls.model_fields)
        return init_settings, env_settings, ConfigFile(settings_cls, {})


def _load(source: str) -> Profile:
    profile = load_profile(source)
    if profile.judge is not None:
        try:
            authorization(profile.judge)
        except JudgeError as error:
            raise ValueError(f"{source}: {error}") from None
    return profile
