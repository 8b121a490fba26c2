"""What the pages in docs/ say in their tables, for the tests that hold it against the code."""

import re
from collections.abc import Iterator
from pathlib import Path

PAGES = Path(__file__).parents[1] / "docs"


def rows(page: Path, heading: str) -> Iterator[list[str]]:
    """The cells of each row of the tables under a heading (its whole line)."""
    section = page.read_text().partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("|"):
            yield line.strip("|").split("|")


def named(cell: str) -> list[str]:
    """The names in code in a cell."""
    return re.findall(r"`([\w.]+)`", cell)
