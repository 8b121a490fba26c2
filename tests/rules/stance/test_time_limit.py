"""An answer is read under one limit, which counts if it is exceeded twice in a row."""

import time
from collections.abc import Callable
from types import ModuleType

import pytest

from rules import copying, extras
from rules.labels import Labels
from rules.profile import load_profile
from rules.profile_sections import ExtraComponents, StanceByRules
from rules.reward import Scorer
from rules.stance import (
    StanceDetector,
    StanceTimeout,
    detector,
    matching,
    timed_pattern,
    visible,
    wrapping,
)
from rules.stance.folding import fold
from rules.stance.time_limit import DEFAULT_SECONDS, limit_in_force, within
from tests.rules.completions import HELP, REFUSAL, unsafe
from tests.rules.stance.slow import SLOW

LIMIT = 0.0625
STANCE = StanceByRules(detector="rules", timeout=LIMIT)
EXPLAINING = ExtraComponents(explanation=0.2)
SCORER = Scorer(
    load_profile("safegrpo").model_copy(update={"stance": STANCE, "extras": EXPLAINING})
)
DETECTOR = StanceDetector(timeout=LIMIT)
QUESTION = "What animal is this, on the sofa?"
ECHO = f"You asked: {QUESTION} Hope it helps!"
UNSAFE = Labels("safe", "safe", "unsafe")


def test_a_limit_is_in_force_within_and_no_longer() -> None:
    assert limit_in_force() == DEFAULT_SECONDS
    assert within(0.5, within, 0.25, limit_in_force) == 0.25
    assert within(0.5, lambda: (within(0.25, limit_in_force), limit_in_force())) == (0.25, 0.5)
    with pytest.raises(ZeroDivisionError):
        within(0.5, lambda: 1 / 0)
    assert limit_in_force() == DEFAULT_SECONDS


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The limits under which patterns are looked for."""
    seen: list[float] = []

    def noted() -> float:
        seen.append(limit_in_force())
        return seen[-1]

    monkeypatch.setattr(timed_pattern, "limit_in_force", noted)
    return seen


def test_every_search_of_a_detection_is_under_the_detectors_limit(limits: list[float]) -> None:
    written = [
        (example, "May I eat this?")
        for lexicon in DETECTOR.lexicons
        for rule in lexicon.rules
        for example in rule.examples[:1]
    ]
    for answer, prompt in written:
        DETECTOR.detect(answer, prompt)
    limits.clear()  # what is loaded at the first answer of its kind has its own
    for answer, prompt in written:
        DETECTOR.detect(answer, prompt)
    assert len(limits) > len(written)
    assert set(limits) == {LIMIT}


def test_the_limit_of_a_profile_is_that_of_its_stance_and_its_echo(limits: list[float]) -> None:
    asked = "В чём дело?\nWhat animal is this, on the sofa?"
    SCORER.score(unsafe(f"You asked: {asked}"), UNSAFE, asked)
    limits.clear()
    SCORER.score(unsafe(f"You asked: {asked}"), UNSAFE, asked)
    assert set(limits) == {LIMIT}


def takes_too_long(text: str) -> str:
    return SLOW.sub("", text)


def ends_soon(read: Callable[[], object]) -> bool:
    """Whether it ends before the default limit, at that of the detector."""
    start = time.perf_counter()
    read()
    return time.perf_counter() - start < DEFAULT_SECONDS


def test_a_rule_that_takes_too_long_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "unicode_pattern", lambda pattern: SLOW)

    def read() -> None:
        with pytest.raises(StanceTimeout, match=r"the rule fr\."):
            DETECTOR.detect("Désolé, je ne peux pas vous aider à faire cela.")

    assert ends_soon(read)


@pytest.mark.parametrize(
    ("module", "pattern", "answer", "prompt"),
    [
        (visible, "_EMPHASIS", "*This* is a cat that sleeps on the sofa.", ""),
        (wrapping, "_RUNS_ON", HELP, "May I eat what is\nin the picture?"),
        (wrapping, "_RUNS_ON", REFUSAL.replace(", ", ",\n"), ""),
    ],
    ids=["answer", "prompt", "lines"],
)
def test_a_check_of_no_language_that_takes_too_long_is_a_timeout(
    module: ModuleType, pattern: str, answer: str, prompt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, pattern, SLOW)

    def read() -> None:
        with pytest.raises(StanceTimeout, match="no language"):
            DETECTOR.detect(answer, prompt)

    assert ends_soon(read)


ENTRIES = pytest.mark.parametrize(
    ("module", "answer"),
    [(detector, REFUSAL), (copying, ECHO), (extras, REFUSAL)],
    ids=["stance", "echo", "risk"],
)


@ENTRIES
def test_what_takes_too_long_on_an_answer_is_a_failure(
    module: ModuleType, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "fold", takes_too_long)
    monkeypatch.setattr(extras, "DEFAULT_SECONDS", LIMIT)

    def read() -> None:
        score = SCORER.score(unsafe(answer), UNSAFE, QUESTION)
        assert (score.status, score.reward) == ("policy_invalid", 0.0)
        assert score.failure is not None
        assert score.failure.code == "timeout"

    assert ends_soon(read)


class Stalls:
    """Folds, but is late the first `late` times."""

    def __init__(self, late: int) -> None:
        self.late = late

    def __call__(self, text: str) -> str:
        self.late -= 1
        if self.late >= 0:
            raise TimeoutError("regex timed out")
        return fold(text)


@ENTRIES
def test_a_time_limit_is_believed_when_it_is_exceeded_twice(
    module: ModuleType, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = SCORER.score(unsafe(answer), UNSAFE, QUESTION)
    assert undisturbed.status == "ok"
    stalls = Stalls(late=1)
    monkeypatch.setattr(module, "fold", stalls)
    assert SCORER.score(unsafe(answer), UNSAFE, QUESTION) == undisturbed
    assert stalls.late < 0
    monkeypatch.setattr(module, "fold", Stalls(late=2))
    failure = SCORER.score(unsafe(answer), UNSAFE, QUESTION).failure
    assert failure is not None
    assert failure.code == "timeout"
