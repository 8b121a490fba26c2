"""A pattern as people read it, in a block of YAML, laid out over lines."""


def one_line(pattern: str) -> str:
    """The pattern without the line breaks and the indentation that lay it out.

    Raises ValueError if a space beside a line break would be lost, or if the break is the pattern's
    own: a block ends with one, while a quoted pattern with a break inside does not.
    """
    if "\n" not in pattern:
        return pattern
    if not pattern.endswith("\n"):
        raise ValueError(r"it holds a line break; write '\n' in single quotes, or a block: |")
    lines = pattern.splitlines()
    if any(line != line.rstrip() for line in lines):
        raise ValueError("a line ends with a space, which would be lost; break the line elsewhere")
    return "".join(map(str.lstrip, lines))
