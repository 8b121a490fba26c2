"""Nothing hangs: time grows with the length of the text, whatever it is made of."""

import ast
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType

import pytest

import grammar
import rules
from rules.copying import is_echo
from rules.formatting import Format
from rules.profile import load_profile
from rules.stance.time_limit import within
from tests.rules.completions import REASONINGS, completion
from tests.rules.hostile import HOSTILE, SIZES, derived, in_proportion, looped

SHIPPED = load_profile("safegrpo")
FORMAT = Format(SHIPPED.model_copy(update={"max_characters": None}))
TIMEOUT = 5.0


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_time_grows_in_proportion_to_hostile_reasoning(unit: str) -> None:
    short, long = (
        completion().replace("a scene", f"a cat on a mat {looped(unit, size)}") for size in SIZES
    )
    assert in_proportion(FORMAT.parse, short, long)


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_time_grows_in_proportion_to_one_hostile_reasoning_for_all(unit: str) -> None:
    short, long = (
        completion(reasonings=[f"A cat on a mat. {looped(unit, size)}"] * 3) for size in SIZES
    )
    assert in_proportion(FORMAT.parse, short, long)


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_time_grows_in_proportion_to_a_hostile_prompt(unit: str) -> None:
    """Which is copied in part as reasoning, and said once more as the answer."""
    short, long = (f"What is this cat, then? {looped(unit, size)}" for size in SIZES)

    def judge(prompt: str) -> None:
        copied = [REASONINGS[0], prompt[: len(prompt) // 2], REASONINGS[2]]
        FORMAT.parse(completion(reasonings=copied), prompt)
        within(TIMEOUT, is_echo, f"Good question! {prompt}", prompt)

    assert in_proportion(judge, short, long)


def modules(package: ModuleType) -> Iterator[ModuleType]:
    for module in walk_packages(package.__path__, f"{package.__name__}."):
        yield import_module(module.name)


def searches(module: ModuleType) -> Iterator[tuple[str, str]]:
    """The names that a module calls a method of, and the method: `("_WORD", "findall")`."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)):
                yield name, method


MODULES = [*modules(grammar), *modules(rules)]
SEARCHES = [
    pytest.param(pattern, method, id=f"{module.__name__}.{name}.{method}")
    for module in MODULES
    for name, method in sorted(set(searches(module)))
    if isinstance(pattern := vars(module).get(name), re.Pattern)
]


@pytest.mark.parametrize(("pattern", "method"), SEARCHES)
def test_time_grows_in_proportion_where_no_limit_can_be_set(
    pattern: re.Pattern[str], method: str
) -> None:
    """`re` knows no time limits."""

    def find(text: str) -> object:
        if method in ("match", "fullmatch"):
            return getattr(pattern, method)(text)
        return list(pattern.finditer(text))

    for unit in filter(None, [*HOSTILE.values(), *derived(pattern.pattern)]):
        short, long = (looped(unit, size) for size in (10_000, 40_000))
        assert in_proportion(find, short, long), unit


def test_no_search_escapes_by_a_pattern_written_where_it_is_used() -> None:
    at_once = {
        module.__name__
        for module in MODULES
        for name, function in searches(module)
        if name == "re" and function not in ("compile", "escape")
    }
    assert at_once == {"rules.judge.formats"}  # it reads replies of a judge, which are short
