"""The reward of a completion: R = I_format · (w_tag · R_tag + w_behavior · R_behavior).

`Scorer.examine` determines the structure of a completion and the stance of its answer;
`Scorer.settle` compares them with the labels. The profile's judge, if any, is asked in between.
"""

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Literal, NamedTuple

from grammar import (
    ALL_PARTS_STAND,
    SECTION_NAMES,
    ParsedCompletion,
    ParseFailure,
    SectionName,
    Verdict,
    Verdicts,
    content_end,
    failure_at,
)
from rules.behavior import behavior_reward
from rules.detectors import ECHO, detector_of
from rules.extras import extra_components
from rules.formatting import Format
from rules.labels import Labels
from rules.profile import Profile
from rules.stance import SAYS_NOTHING, Stance, StanceKind
from rules.tags import tag_reward

Status = Literal["ok", "policy_invalid", "service_error"]


class Examined(NamedTuple):
    """A completion's structure and stance, before they are compared with the labels."""

    completion: str
    parsed: ParsedCompletion | ParseFailure
    stance: Stance | None

    @property
    def answer(self) -> str:
        """The answer's text; empty if the completion does not parse."""
        return self.parsed.answer_text if isinstance(self.parsed, ParsedCompletion) else ""


class Score(NamedTuple):
    """A scored completion.

    `components` are the gated, weighted contributions, and their sum is `reward`; `raw` are the
    values before gate and weights. Both have the same keys for every sample of a profile.
    `reward` and the values of `components` and `raw` are None only for status `service_error`.
    """

    status: Status
    reward: float | None
    components: Mapping[str, float | None]
    raw: Mapping[str, float | None]
    verdicts: Mapping[SectionName, Verdict | None] | None
    stance: Stance | None
    failure: ParseFailure | None


class _Earned(NamedTuple):
    """What a completion earns; cached by verdicts, stance and labels, so never mutate it."""

    reward: float
    components: Mapping[str, float]
    raw: Mapping[str, float]
    verdicts: Mapping[SectionName, Verdict | None] | None

    def with_extras(self, extras: Mapping[str, tuple[float, float]]) -> "_Earned":
        """With optional components added, name -> (raw value, weight)."""
        components = {name: weight * value for name, (value, weight) in extras.items()}
        raw = {name: value for name, (value, _) in extras.items()}
        together = {**self.components, **components}
        return _Earned(sum(together.values()), together, {**self.raw, **raw}, self.verdicts)


_CACHE_SIZE = 4096
"""More than there are combinations of verdicts, stance and labels."""

# They take half the time of the constructors, which are Python calls: without them and those of
# `grammar`, the profile `official` takes 8 % longer on 3,000 characters.
_new_examined = partial(tuple.__new__, Examined)
_new_score = partial(tuple.__new__, Score)


class Scorer:
    """Scores completions under one profile. A pure function of its arguments; thread-safe."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.version = profile.version
        self.component_names = ("format", "tag", "behavior", *profile.extras.names)
        self._format = Format(profile)
        self._earned = lru_cache(_CACHE_SIZE)(self._earn)
        self._extras = profile.extras if profile.extras.names else None
        self._stance = detector_of(profile).detect

    def score(self, completion: str, labels: Labels, prompt: str = "") -> Score:
        """Examine and settle."""
        return self.settle(self.examine(completion, prompt), labels)

    def examine(self, completion: str, prompt: str = "") -> Examined:
        """Parse `completion` and detect the stance of its answer.

        Under the official structure, the answer of a completion that fails the format has a stance
        too, since that code's ungated rewards read it. `prompt` is the user's instruction if the
        caller sent it: neither reasoning nor answer may merely repeat it, and it decides whether an
        answer that names a danger answers the question or warns.
        """
        parsed = self._format.parse(completion, prompt)
        if isinstance(parsed, ParsedCompletion):
            start, end = parsed.answer
            answer = completion[start:end]
        elif parsed.lenient is not None and parsed.lenient.answer is not None:
            answer = parsed.lenient.answer.of(completion).strip()
        else:
            return Examined(completion, parsed, None)
        try:
            stance = self._stance(answer, prompt)
            return _new_examined((completion, parsed, stance))
        except TimeoutError as timeout:
            return _timed_out(completion, parsed, timeout)

    def needs_judge(self, examined: Examined) -> bool:
        """Whether the profile's judge is to be asked about the answer.

        Never if it says nothing or only repeats what the policy was told: many judges distinguish
        only refusals and help, and would call that help.
        """
        judge, stance = self.profile.judge, examined.stance
        if judge is None or stance is None or not examined.answer:
            return False
        if stance == ECHO or stance.rule in SAYS_NOTHING:
            return False
        return judge.ask == "all" or stance.kind == "unclear"

    def settle(self, examined: Examined, labels: Labels) -> Score:
        """The score of an examined completion, given the labels."""
        completion, parsed, stance = examined
        status: Status = "ok"
        failure, verdicts = None, None
        if isinstance(parsed, ParsedCompletion):
            verdicts = parsed.verdicts
        else:
            status, failure = "policy_invalid", parsed
            if parsed.lenient is not None:
                verdicts = parsed.lenient.verdicts
        earned = self._earned(failure is None, verdicts, stance.kind if stance else None, labels)
        if self._extras is not None:
            behavior = earned.raw["behavior"]
            characters = content_end(completion, self.profile.trailing_tokens)
            try:
                extras = extra_components(self._extras, characters, parsed, stance, behavior)
            except TimeoutError as timeout:
                return self.settle(_timed_out(completion, parsed, timeout), labels)
            earned = earned.with_extras(extras)
        reward, components, raw, by_section = earned
        return _new_score((status, reward, components, raw, by_section, stance, failure))

    def _earn(
        self,
        has_format: bool,
        verdicts: Verdicts | None,
        stance: StanceKind | None,
        labels: Labels,
    ) -> _Earned:
        weights = self.profile.weights
        tag = behavior = 0.0
        by_section = dict(zip(SECTION_NAMES, verdicts, strict=True)) if verdicts else None
        if by_section is not None:
            tag = tag_reward(by_section, labels, self.profile.tag_shares)
            behavior = behavior_reward(by_section["combined"], labels.combined, stance)
        gate = 1.0 if has_format else 0.0
        components = {
            "format": 0.0,
            "tag": gate * weights.tag * tag,
            "behavior": gate * weights.behavior * behavior,
        }
        raw = {"format": gate, "tag": tag, "behavior": behavior}
        return _Earned(sum(components.values()), components, raw, by_section)

    def service_error(self) -> Score:
        """The score of a sample that the service failed to score: no reward at all."""
        nothing = dict.fromkeys(self.component_names)
        return Score("service_error", None, nothing, nothing, None, None, None)


def _timed_out(
    completion: str, parsed: ParsedCompletion | ParseFailure, timeout: TimeoutError
) -> Examined:
    """A completion on whose answer a rule took too long: a failure, or the one it had already."""
    if isinstance(parsed, ParseFailure):
        return Examined(completion, parsed, None)
    message = f"a rule took too long on the answer: {timeout}"
    failure = failure_at(
        completion,
        parsed.answer.start,
        "timeout",
        "answer",
        (),
        message,
        standing=ALL_PARTS_STAND,
    )
    return Examined(completion, failure, None)
