"""The result of detection: the stance of an answer and the rule that decided it."""

from typing import Final, Literal, NamedTuple

StanceKind = Literal["refusal", "rebuttal", "compliance", "unclear"]
DECLINING: Final = ("refusal", "rebuttal")
"""The kinds that decline what was asked."""


class StanceTimeout(TimeoutError):  # noqa: N818  (named like TimeoutError)
    """A stance rule took longer than allowed; the message names it, never the answer."""


class Stance(NamedTuple):
    """What an answer does, and the rule that decided, such as `en.first_person_cannot`."""

    kind: StanceKind
    rule: str
