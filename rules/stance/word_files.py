"""The YAML files beside the lexicons: checked as they are read, so that no entry is lost unseen."""

import difflib
from collections.abc import Sequence
from importlib.resources import files
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field

from rules.stance.lexicon import LexiconError, languages
from rules.stance.multiline_pattern import MultilinePattern
from rules.yaml_model import Model, parse_yaml

T = TypeVar("T")


def load_file(model: type[Model], name: str) -> Model:
    """The file `name` of this folder. Raises LexiconError, naming the file and each wrong place."""
    text = files("rules.stance").joinpath(name).read_text(encoding="utf-8")
    return parse_file(model, text, name)


def parse_file(model: type[Model], text: str, name: str) -> Model:
    """The same for the file's text."""
    try:
        return parse_yaml(model, text, name)
    except ValueError as error:
        raise LexiconError(f"{error}.") from error


def each_once(listed: Sequence[str]) -> Sequence[str]:
    """`listed`. Raises ValueError, naming the first that is listed twice."""
    twice = next((one for place, one in enumerate(listed) if one in listed[:place]), None)
    if twice is not None:
        raise ValueError(f"{twice!r} is listed twice")
    return listed


def _of_languages(listed: dict[str, T]) -> dict[str, T]:
    known = languages()
    for code in listed:
        if code not in known:
            close = difflib.get_close_matches(code, known, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise ValueError(f"there is no language {code!r}; {hint}known: {', '.join(known)}")
    return listed


Words = Annotated[tuple[MultilinePattern, ...], Field(min_length=1), AfterValidator(each_once)]
"""A list of patterns, each given once."""
ByLanguage = Annotated[dict[str, T], AfterValidator(_of_languages)]
"""Something for each language that it names by its code."""
