"""A profile: everything that decides a reward, as one validated YAML file.

Three profiles ship with the package (`rules/profiles/`); a user's own is named by its path. Its
sections are defined in `profile_sections.py`.
"""

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import Field, StrictInt, field_validator, model_validator

from grammar import Dialect, OfficialParser, StrictParser
from rules.identity import identity
from rules.judge.settings import JudgeSettings
from rules.profile_sections import (
    Checks,
    ExtraComponents,
    StanceByRules,
    StanceByWords,
    TagShares,
    Weights,
)
from rules.yaml_model import YamlModel, parse_yaml


class ProfileError(ValueError):
    """An unusable profile; the message names the file and the key, and says why."""


@cache
def usual_trailing_tokens() -> tuple[str, ...]:
    """Special tokens at the end of completions of common models."""
    source = files("rules").joinpath("trailing_tokens.yaml").read_text(encoding="utf-8")
    return tuple(yaml.safe_load(source))


def _default_trailing_tokens(fields: dict[str, Any]) -> tuple[str, ...]:
    return usual_trailing_tokens() if fields.get("structure") == "strict" else ()


_LAST_TAG: Final = "</answer>"


class Profile(YamlModel):
    """A validated profile file.

    `trailing_tokens`: stripped from the end of a completion before it is parsed.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")
    release: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    description: str = ""
    structure: Literal["strict", "official"]
    dialect: Dialect | None = None
    instruction: str
    weights: Weights = Weights()
    tag_shares: TagShares = TagShares()
    stance: Annotated[StanceByRules | StanceByWords, Field(discriminator="detector")]
    trailing_tokens: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default_factory=_default_trailing_tokens
    )
    max_characters: StrictInt | None = Field(None, gt=0)
    checks: Checks = Checks()
    extras: ExtraComponents = ExtraComponents()
    judge: JudgeSettings | None = None

    @model_validator(mode="after")
    def _dialect_belongs_to_strict(self) -> "Profile":
        if (self.structure == "strict") != (self.dialect is not None):
            raise ValueError("structure strict needs a dialect (tags or paper), official has none")
        if self.structure == "official" and (self.trailing_tokens or self.checks != Checks()):
            raise ValueError("structure official takes no trailing_tokens and no checks")
        return self

    @field_validator("trailing_tokens")
    @classmethod
    def _leave_the_answer_closed(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for token in value:
            if _LAST_TAG.endswith(token.lower()) or _LAST_TAG in token.lower():
                raise ValueError(
                    f"{token!r} would be stripped from the {_LAST_TAG} with which every completion "
                    "ends"
                )
        return value

    def parser(self) -> StrictParser | OfficialParser:
        """The parser of this profile's structure."""
        if self.dialect is None:
            return OfficialParser()
        return StrictParser(self.dialect, self.trailing_tokens)

    @property
    def version(self) -> str:
        """`name-release+hash` of everything that decides a reward under this profile."""
        return f"{self.name}-{self.release}+{identity(self.model_dump_json())}"


def shipped_profiles() -> list[str]:
    """Names of the profiles that ship with the package."""
    folder = files("rules").joinpath("profiles")
    return sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_profile(name_or_path: str) -> Profile:
    """A shipped profile by its name, or a user's by the path of its YAML file.

    Raises:
        ProfileError: no such profile, or a key in the file is unknown, missing or impossible.
    """
    if name_or_path in shipped_profiles():
        source = files("rules").joinpath("profiles", f"{name_or_path}.yaml")
        return parse_profile(source.read_text(encoding="utf-8"), f"profile {name_or_path}")
    path = Path(name_or_path)
    if not _is_file(path):
        raise ProfileError(
            f"there is no profile {name_or_path!r}: name one of {', '.join(shipped_profiles())}, "
            "or give the path of a YAML file"
        )
    return parse_profile(_text(path, str(path)), str(path), path.parent)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name is too long for a file
        return False


def parse_profile(source: str, origin: str, folder: Path | None = None) -> Profile:
    """Validate a profile's YAML, and replace the instruction's file name by its text.

    Args:
        source: the YAML text.
        origin: what to call it in errors.
        folder: searched for the instruction file before the shipped ones.
    """
    try:
        profile = parse_yaml(Profile, source, origin, unions={"stance"})
    except ValueError as error:
        raise ProfileError(str(error)) from error
    profile = profile.model_copy(update={"instruction": _instruction(profile, origin, folder)})
    _check_tags(profile, origin)
    return profile


def _check_tags(profile: Profile, origin: str) -> None:
    """The instruction must not ask for the other dialect's tags, which would earn 0."""
    own, other = "<combined_safe>", "<combined>"
    if profile.dialect == "tags":
        own, other = other, own
    if other in profile.instruction and own not in profile.instruction:
        raise ProfileError(
            f"{origin}: instruction: it asks for tags such as {other}, but by its structure and "
            f"dialect the profile wants {own}"
        )


def _instruction(profile: Profile, origin: str, folder: Path | None) -> str:
    candidates = [files("rules").joinpath("instructions", profile.instruction)]
    if folder is not None:
        candidates.insert(0, folder / profile.instruction)
    for candidate in candidates:
        if candidate.is_file():
            return _text(candidate, f"{origin}: instruction: {profile.instruction}")
    raise ProfileError(f"{origin}: instruction: there is no file {profile.instruction!r}")


def _text(file: Traversable, origin: str) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")  # as some editors write it
    except OSError as error:
        raise ProfileError(f"{origin} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ProfileError(f"{origin} is not text in UTF-8") from error
