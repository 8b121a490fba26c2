"""Patterns in YAML may be laid out over several indented lines, so that people can read them."""

from typing import Annotated

from pydantic import AfterValidator


def one_line(pattern: str) -> str:
    """The pattern without the line breaks and the indentation of its layout.

    Raises ValueError if a space next to a line break would be lost, or if the break belongs to the
    pattern: a YAML block ends with a line break, a quoted pattern with a break inside does not.
    """
    if "\n" not in pattern:
        return pattern
    if not pattern.endswith("\n"):
        raise ValueError(r"it holds a line break; write '\n' in single quotes, or a block: |")
    lines = pattern.splitlines()
    if any(line != line.rstrip() for line in lines):
        raise ValueError("a line ends with a space, which would be lost; break the line elsewhere")
    return "".join(map(str.lstrip, lines))


MultilinePattern = Annotated[str, AfterValidator(one_line)]
"""A pattern in a YAML file, which may be laid out over several lines."""
