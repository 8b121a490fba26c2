"""The result of detection: the stance of an answer and the rule that decided it."""

from typing import Literal, NamedTuple

StanceKind = Literal["refusal", "rebuttal", "compliance", "unclear"]


class StanceTimeout(TimeoutError):  # noqa: N818  (named like TimeoutError)
    """A stance rule took longer than allowed; the message names it, never the answer."""


class Stance(NamedTuple):
    """What an answer does, and the rule that decided, such as `en.first_person_cannot`."""

    kind: StanceKind
    rule: str
