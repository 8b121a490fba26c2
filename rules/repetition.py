"""Degenerate repetition: the share of n-grams in a text that have occurred before."""

from rules.blocks import blocks
from rules.profile_sections import Repetition
from rules.tables import is_row

_PROBES = 5
_MOST_MISSES = 2
_PROBE_LENGTH = 16


def is_degenerate(text: str, limits: Repetition) -> bool:
    """Whether more than `limits.max_share` of the n-grams of `text` are repeats."""
    if not _may_be_degenerate(text, limits):
        return False
    count, distinct = 0, set[int]()
    # Only the hash of each n-gram is kept. The few across block boundaries are left out.
    for block in blocks(text):
        units = _units(block)
        count += max(0, len(units) - limits.ngram + 1)
        ngrams = zip(*(units[shift:] for shift in range(limits.ngram)), strict=False)
        distinct.update(map(hash, ngrams))
    return count >= limits.min_ngrams and 1 - len(distinct) / count > limits.max_share


def _units(text: str) -> list[str]:
    """The units of n-grams: parts of table rows, unique to their row, and words of prose."""
    lines = text.splitlines()
    rows = list(filter(is_row, lines))
    if not rows:
        return _units_of_prose(text)
    pieces = [f"{at} of {row}" for row in rows for at in range(0, len(row), 2)]
    return pieces + _units_of_prose("\n".join(line for line in lines if not is_row(line)))


def _units_of_prose(text: str) -> list[str]:
    """Words, or pairs of characters where there are no separators (Chinese, or one long run)."""
    words = text.split()
    if len(text) > 12 * len(words):
        return [text[start : start + 2] for start in range(0, len(text), 2)]
    return words


def _may_be_degenerate(text: str, limits: Repetition) -> bool:
    """A cheap test: in a looping text, pieces taken from it soon occur again.

    If most n-grams are repeats, only a small part of the text occurs once, so most pieces taken at
    several positions are part of the loop. The test ends as soon as that is impossible.
    """
    if len(text) < limits.min_ngrams:
        return False
    # Upper bound on the text that occurs once, and on the period of a loop.
    once = int((1 - limits.max_share) * len(text))
    step = max(1, (len(text) - once) // _PROBES)
    misses = 0
    for at in range(0, _PROBES * step, step):
        piece = text[at : at + _PROBE_LENGTH]
        if text.find(piece, at + 1, at + once + 2 * _PROBE_LENGTH) < 0:
            misses += 1
            if misses > _MOST_MISSES:
                return False
    return True
