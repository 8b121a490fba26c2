"""Detects copies: reasoning from the instruction, and an answer from its own question."""

import re
from functools import lru_cache
from typing import Final

from grammar.unseen import BLANKS, UNSEEN
from rules.blocks import BLOCK_LENGTH, blocks
from rules.stance.filler import adds_nothing
from rules.stance.folding import fold

_ANY_WORD: Final = re.compile(r"[^\W_]+")
_LETTERS_ALONE: Final = re.compile(r"[^\W\d_]+")
_UNSEEN: Final = re.compile(f"[{UNSEEN}]+")
_BLANK: Final = re.compile(f"[{BLANKS}]")


def as_words(text: str, numbers: bool = True) -> str:
    """The words of `text` in lower case, joined by spaces; with or without numbers."""
    if len(text) > BLOCK_LENGTH:
        return " ".join(filter(None, (as_words(block, numbers) for block in blocks(text))))
    text = _UNSEEN.sub("", text)
    if not text.isascii():
        text = _BLANK.sub(" ", text)
    return " ".join((_ANY_WORD if numbers else _LETTERS_ALONE).findall(text.casefold()))


def _prompt_as_words(prompt: str) -> str:
    """`as_words`, cached, since all completions of a group have the same prompt."""
    return as_words(prompt) if len(prompt) > BLOCK_LENGTH else _as_words_before(prompt)


_as_words_before: Final = lru_cache(64)(as_words)


_DECIDING: Final = frozenset(
    "yes no none nothing not nope harmless benign fine innocuous harmful dangerous"
    " ja nein nichts harmlos unbedenklich gefährlich oui non rien inoffensif anodin dangereux"
    " sí nada inofensivo inofensiva inocuo peligroso niente innocuo innocua pericoloso"
    " да нет ничего безобидно безвредно опасно 是 不 否 没有 无害 無害 有害 危险 예 아니요 없음"
    " 무해 무해함 무해합니다 위험 نعم لا ضار آمن خطير بله نه خیر بیضرر خطرناک".split()
)
"""Words that, added to a copy, answer or judge it."""
_PAIR: Final = re.compile(r"\b[A-Za-z]{3,}+ [A-Za-z]{3,}+")


def is_copied(text: str, start: int, end: int, instruction: str, prompt: str, minimum: int) -> bool:
    """Whether `text[start:end]` is a piece of the instruction or of the prompt.

    It is also a copy if only its first word is added, or its last unless that word judges the rest.
    `instruction`: the profile's, `as_words`. `prompt`: the user's. `minimum`: shortest copy, in
    characters.
    """
    if end - start < minimum:
        return False
    # Cheap test first: a pair of words from the middle of a copy is in its source.
    if pair := _PAIR.search(text, (start + end) // 2, end):
        pair_of_words = pair[0].lower()
        if pair_of_words not in instruction and pair_of_words not in _prompt_as_words(prompt):
            return False
    words = as_words(text[start:end])
    without_first, (without_last, _, last) = words.partition(" ")[2], words.rpartition(" ")
    if last in _DECIDING:
        without_last = ""
    sources = f" {instruction} ", f" {_prompt_as_words(prompt)} "
    return any(
        len(copied) >= minimum and f" {copied} " in source
        for copied in (words, without_first, without_last)
        for source in sources
    )


_MOST: Final = 0.8
"""Least share of the question's words in an echo; a shorter part may well be the answer."""
_FEWEST: Final = 4
"""Words of the shortest question that can be distinguished from its answer."""
_BESIDE: Final = 200
"""Most characters beside the echoes."""


def is_echo(answer: str, prompt: str) -> bool:
    """Whether `answer` only repeats `prompt`, or most of it, apart from courtesies.

    Raises TimeoutError.
    """
    if not prompt or len(answer) > 2 * len(prompt) + _BESIDE:
        return False
    said, asked = f" {as_words(answer)} ", f" {as_words(prompt)} "
    count = asked.count(" ") - 1
    if count < _FEWEST or said.count(" ") - 1 < _MOST * count:
        return False
    if said in asked:
        return True
    if asked not in said:
        return False
    beside = _without(as_words(fold(prompt)), fold(answer)).strip(" .?!\n")
    return not beside or adds_nothing(beside)


def _without(words: str, folded: str) -> str:
    """The folded text with a full stop for each occurrence of the words, however separated."""
    spans = [word.span() for word in _ANY_WORD.finditer(folded)]
    said, sought = f" {' '.join(folded[start:end] for start, end in spans)} ", f" {words} "
    kept: list[str] = []
    at = end = word = 0
    while words and (found := said.find(sought, at)) >= 0:
        word += said.count(" ", at, found)
        kept.append(folded[end : spans[word][0]])
        word += words.count(" ") + 1
        end = spans[word - 1][1]
        at = found + len(sought) - 1
    return " . ".join([*kept, folded[end:]])
