"""A profile: everything that decides a reward, as one validated YAML file.

Three profiles ship with the package (`rules/profiles/`); a user's own is named by its path.
"""

import hashlib
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import Field, StrictFloat, StrictInt, field_validator, model_validator

from grammar import Dialect, OfficialParser, StrictParser
from rules.judge.settings import JudgeSettings
from rules.stance import lexicon
from rules.words import LONGEST, TOGETHER
from rules.yaml_model import YamlModel, parse_yaml

PACKAGES = ("grammar", "rules")
"""The packages whose files decide a reward."""
TRANSLATORS = ("rows.py", "chat_templates.py", "protocols")
"""Those of `app`: which text of a trainer's request is the completion, and which the prompt."""

Share = Annotated[StrictFloat, Field(ge=0, le=1)]
Weight = Annotated[StrictFloat, Field(ge=0, le=1e6)]
"""Bounded, so that no sum of components is infinite."""
Word = Annotated[str, Field(min_length=1, max_length=LONGEST)]
"""Bounded, so that a long answer can be read in pieces that overlap by it."""


class ProfileError(ValueError):
    """A profile that cannot be used; the message says which key of which file, and why."""


class Weights(YamlModel):
    """Weights of the two gated rewards (paper, w_tag and w_behavior)."""

    tag: Weight = 0.5
    behavior: Weight = 0.5


class TagShares(YamlModel):
    """What each right verdict adds to R_tag, given that the combined one is right."""

    combined: Share = 0.5
    visual: Share = 0.25
    text: Share = 0.25

    @model_validator(mode="after")
    def _are_shares_of_one(self) -> "TagShares":
        total = self.combined + self.visual + self.text
        if abs(total - 1) > 1e-9:
            raise ValueError(f"combined, visual and text must add up to 1, not to {total:g}")
        return self


class StanceByRules(YamlModel):
    """The stance detector of `rules/stance`; all languages unless some are named."""

    detector: Literal["rules"]
    languages: tuple[str, ...] | None = Field(None, min_length=1)
    timeout: StrictFloat = Field(0.25, gt=0, le=60, description="seconds that one pattern may take")

    @field_validator("languages")
    @classmethod
    def _have_lexicons(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        unknown = set(value or ()).difference(lexicon.languages())
        if unknown:
            there = ", ".join(lexicon.languages())
            raise ValueError(f"there is no lexicon for {min(unknown)!r}; there are {there}")
        return value


class StanceByWords(YamlModel):
    """The public code's detector: an answer that contains one of the words is a refusal."""

    detector: Literal["words"]
    words: tuple[Word, ...] = Field(min_length=1)

    @field_validator("words")
    @classmethod
    def _may_occur(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for word in value:
            if word != word.lower():
                raise ValueError(
                    f"{word!r} has a capital letter, but answers are read in lower case"
                )
        together = sum(map(len, value))
        if together > TOGETHER:
            raise ValueError(
                f"the {len(value)} words have {together} characters together, at most {TOGETHER} "
                "are looked for at once; give fewer or shorter ones"
            )
        return value


class CopiedInstruction(YamlModel):
    """Reasoning of at least so many characters must not be copied from the instruction."""

    min_characters: StrictInt = Field(40, ge=1)


class Repetition(YamlModel):
    """At most `max_share` of the n-grams of the thinking, or of the answer, may be repeats."""

    ngram: StrictInt = Field(4, ge=1)
    min_ngrams: StrictInt = Field(60, ge=1)
    max_share: StrictFloat = Field(0.75, gt=0, lt=1)


class Checks(YamlModel):
    """Checks beyond the grammar; a completion that fails one fails the format.

    `min_reasoning_words`: different words of each reasoning; `min_words_together`: of all three.
    """

    min_reasoning_words: StrictInt = Field(0, ge=0)
    min_words_together: StrictInt = Field(0, ge=0)
    copied_instruction: CopiedInstruction | None = None
    repetition: Repetition | None = None


class Overlong(YamlModel):
    """Soft over-long penalty: 0 up to `limit - buffer` characters, falling to `-weight` at `limit`.

    After DAPO (arXiv 2503.14476, eq. 13), counted in characters.
    """

    limit: StrictInt = Field(gt=0, le=10**9)
    buffer: StrictInt = Field(gt=0)
    weight: Weight = 0.5

    @model_validator(mode="after")
    def _buffer_fits(self) -> "Overlong":
        if self.buffer > self.limit:
            raise ValueError("buffer must not be larger than limit")
        return self


class ExtraComponents(YamlModel):
    """Optional components, each off unless given.

    `format_credit`: for cold starts, weight of the share of the structure that stands.
    `explanation`: weight of naming a risk where the answer rightly declines.
    """

    format_credit: Weight | None = None
    explanation: Weight | None = None
    overlong: Overlong | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The components that are on."""
        return tuple(name for name in type(self).model_fields if getattr(self, name) is not None)


@cache
def usual_trailing_tokens() -> tuple[str, ...]:
    """Special tokens with which completions of the usual models end."""
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
        digest = hashlib.sha256(self.model_dump_json().encode())
        digest.update(_code_digest())
        # Their tables fold what the rules read.
        digest.update(f"{metadata.version('opencc')} {unicodedata.unidata_version}".encode())
        return f"{self.name}-{self.release}+{digest.hexdigest()[:12]}"


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
    except OSError:  # a name that is too long for one
        return False


def parse_profile(source: str, origin: str, folder: Path | None = None) -> Profile:
    """Validate a profile's YAML and put the instruction's text in the place of its file name.

    Args:
        source: the YAML text.
        origin: what to call it in errors.
        folder: where a user's instruction file may lie, before the shipped ones are looked at.
    """
    try:
        profile = parse_yaml(Profile, source, origin, unions={"stance"})
    except ValueError as error:
        raise ProfileError(str(error)) from error
    profile = profile.model_copy(update={"instruction": _instruction(profile, origin, folder)})
    _check_tags(profile, origin)
    return profile


def _check_tags(profile: Profile, origin: str) -> None:
    """An instruction may name no tags, but not the other dialect's: who follows it would earn 0."""
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


@cache
def _code_digest() -> bytes:
    packages = [Path(str(files(package))) for package in PACKAGES]
    app = packages[-1].with_name("app")  # the files alone: nothing here may import it
    return code_digest([*packages, *(app / name for name in TRANSLATORS)])


def code_digest(places: list[Path]) -> bytes:
    """SHA-256 over the grammars, rules, lexicons, instructions and code in files and folders.

    The shipped profiles are left out: the one in use is part of the version in its validated form.
    """
    digest = hashlib.sha256()
    for place in places:
        for path in _deciding_files(place):
            name = path.relative_to(place.parent).as_posix()
            content = path.read_bytes()
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.digest()


def _deciding_files(place: Path) -> Iterator[Path]:
    if not place.is_dir():
        yield place
        return
    for path in sorted(place.rglob("*")):
        shipped_profile = path.parent == place / "profiles"
        if path.suffix in (".py", ".lark", ".yaml", ".txt") and not shipped_profile:
            yield path
