"""Every match of a backtracking engine on an answer is under a time limit."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from importlib.resources import files

import pytest
import regex

OF_PATTERNS = {"lexicon", "prefilter", "reading"}
"""Modules that match the lexicons' own patterns, once, when these are loaded."""
MODULES = sorted(
    file.name.removesuffix(".py")
    for file in files("rules.stance").iterdir()
    if file.name.endswith(".py")
)


def unlimited(name: str) -> Iterator[int]:
    """The lines on which a pattern of a module is looked for without a time limit."""
    module = importlib.import_module(f"rules.stance.{name}")
    patterns = {one for one, value in vars(module).items() if isinstance(value, regex.Pattern)}
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            matching = isinstance(node.func.value, ast.Name) and node.func.value.id in patterns
            if matching and "timeout" not in [keyword.arg for keyword in node.keywords]:
                yield node.lineno


@pytest.mark.parametrize("name", [name for name in MODULES if name not in OF_PATTERNS])
def test_no_pattern_is_looked_for_without_a_time_limit(name: str) -> None:
    assert list(unlimited(name)) == []
