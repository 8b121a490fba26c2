"""The sections of a profile: weights, shares, the stance, checks and further components."""

from typing import Annotated, Literal

from pydantic import Field, StrictFloat, StrictInt, field_validator, model_validator

from rules.stance import lexicon
from rules.word_list import MAX_LIST_CHARACTERS, MAX_WORD_CHARACTERS
from rules.yaml_model import YamlModel

Share = Annotated[StrictFloat, Field(ge=0, le=1)]
Weight = Annotated[StrictFloat, Field(ge=0, le=1e6)]
"""Bounded, so that no sum of components is infinite."""
Word = Annotated[str, Field(min_length=1, max_length=MAX_WORD_CHARACTERS)]
"""Bounded, so that a long answer can be read in pieces that overlap by it."""


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
        if together > MAX_LIST_CHARACTERS:
            raise ValueError(
                f"the {len(value)} words have {together} characters together, at most "
                f"{MAX_LIST_CHARACTERS} are looked for at once; give fewer or shorter ones"
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
