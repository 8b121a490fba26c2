"""Every match of `regex` on an answer is under a time limit.

`re` knows no such limits: how long its patterns take is in `tests/rules/test_growth.py`.
"""

import ast
import importlib
import inspect
from collections.abc import Iterator
from pkgutil import walk_packages
from types import ModuleType

import pytest
import regex

import grammar
import rules
from rules import copying, extras
from rules.labels import Labels
from rules.profile import load_profile
from rules.profile_sections import ExtraComponents
from rules.reward import Scorer
from rules.stance import detector
from rules.stance.folding import fold
from tests.rules.completions import REFUSAL, unsafe

OF_PATTERNS = {f"rules.stance.{name}" for name in ("lexicon", "prefilter", "engines")}
"""Modules that match the lexicons' own patterns, once, when these are loaded."""
MODULES = [
    module.name
    for package in (grammar, rules)
    for module in walk_packages(package.__path__, f"{package.__name__}.")
]
NO_SEARCH = ("compile", "escape")
"""Functions of `regex` that look for nothing."""


def unlimited(name: str) -> Iterator[int]:
    """The lines on which a pattern of a module is looked for without a time limit."""
    module = importlib.import_module(name)
    patterns = {one for one, value in vars(module).items() if isinstance(value, regex.Pattern)}
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = node.func.value
            known = isinstance(of, ast.Name) and of.id in patterns
            at_once = ast.unparse(of) == "regex" and node.func.attr not in NO_SEARCH
            lexicons = isinstance(of, ast.Call) and ast.unparse(of.func) == "unicode_pattern"
            matching = known or at_once or lexicons
            if matching and "timeout" not in [keyword.arg for keyword in node.keywords]:
                yield node.lineno


@pytest.mark.parametrize("name", [name for name in MODULES if name not in OF_PATTERNS])
def test_no_pattern_is_looked_for_without_a_time_limit(name: str) -> None:
    assert list(unlimited(name)) == []


class Stalls:
    """Folds, but is late the first `late` times."""

    def __init__(self, late: int) -> None:
        self.late = late

    def __call__(self, text: str, timeout: float = 0.25) -> str:
        self.late -= 1
        if self.late >= 0:
            raise TimeoutError("regex timed out")
        return fold(text, timeout)


EXPLAINING = ExtraComponents(explanation=0.2)
SCORER = Scorer(load_profile("safegrpo").model_copy(update={"extras": EXPLAINING}))
QUESTION = "What animal is this, on the sofa?"
UNSAFE = Labels("safe", "safe", "unsafe")


@pytest.mark.parametrize(
    ("module", "answer"),
    [(detector, REFUSAL), (copying, f"You asked: {QUESTION} Hope it helps!"), (extras, REFUSAL)],
    ids=["stance", "echo", "risk"],
)
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
