"""Texts that naive rules take for ever over, or hold many times over, and how time is measured."""

import time
from collections.abc import Callable

import regex

SIZES = (30_000, 120_000)
"""Characters of a short and a long text, a quarter of it and the whole."""
SLACK = 1.6
"""Allowed on top of growth in proportion, for a busy machine."""
MOMENT = 0.03
"""Seconds that say nothing of growth."""
ATTEMPTS = 3

HOSTILE = {
    "brackets": "<",
    "open_comments": "<!-- ",
    "open_hidden": "<span hidden>",
    "half_hidden": "<a display : ",
    "tags": "<b ",
    "quotes": '"',
    "quotes_and_text": '"a',
    "apostrophes": "a'",
    "mixed_scripts": "a'а",
    "blanks": " \n",
    "marks": "a\u0301\u0316\u0327",
    "only_marks": "\u0316\u0301",
    "ligatures": "ﬃ",
    "zero_width": "\u200b",
    "refusals": "I can't help with that. ",
    "refusal_words": "sorry but i cannot ",
    "steps": "step 1 ",
    "base64": "QUJD ",
    "hex": "ab ",
    "turns": "\nuser: ",
    "fences": "```\n",
    "han_after_latin": "i can't help 无法",
    "consonants": "bcdfghjk ",
    "greek": "ΐ",
    "hangul_letters": "\u1100\u1161\u11a8",
    "honorifics": "ﷺ",
    "letter": "a",
    "letters_apart": "'_",
    "dots": ". . ",
    "lines_of_code": "x = [\n",
    "words": "now and then ",
}


def looped(unit: str, size: int) -> str:
    """The unit over and over, in so many characters."""
    return unit * (size // len(unit))


def derived(pattern: str) -> list[str]:
    """Strings made of a pattern's own words: each is half of a match, over and over."""
    literal = regex.sub(r"\\[bBAzZwWsSdD]|\\p\{\w+\}|\{\d*,?\d*\}|\[[^\]]*\]", " ", pattern)
    words = list(dict.fromkeys(regex.findall(r"[\p{L}\p{M}']+", literal)))
    return [" ".join(words[:count]) + " " for count in (1, 3, 12) if words] + ["".join(words[:4])]


def seconds(act: Callable[[], object]) -> float:
    """The least that it takes of three times; of the processor, whatever else that does."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        act()
        best = min(best, time.process_time() - start)
    return best


def in_proportion(read: Callable[[str], object], short: str, long: str) -> bool:
    """Whether reading `long`, four times `short`, takes about four times as long.

    Where it seems not to, it is measured again: a stall of the machine does not come each time.
    """
    return any(_in_proportion_now(read, short, long) for _ in range(ATTEMPTS))


def _in_proportion_now(read: Callable[[str], object], short: str, long: str) -> bool:
    fast = seconds(lambda: read(short))
    return seconds(lambda: read(long)) < max(SLACK * 4 * fast, MOMENT)
