"""Completions parsed as the tests expect them to be."""

from grammar import Dialect, ParsedCompletion, ParseFailure, StrictParser

TRAILING = ("<|im_end|>", "</s>")
PARSERS: dict[Dialect, StrictParser] = {
    "tags": StrictParser("tags", TRAILING),
    "paper": StrictParser("paper", TRAILING),
}
DIALECTS: list[Dialect] = ["tags", "paper"]


def parsed(text: str, dialect: Dialect = "tags") -> ParsedCompletion:
    result = PARSERS[dialect].parse(text)
    assert isinstance(result, ParsedCompletion), result
    return result


def failure(text: str, dialect: Dialect = "tags") -> ParseFailure:
    result = PARSERS[dialect].parse(text)
    assert isinstance(result, ParseFailure), "expected a failure"
    return result
