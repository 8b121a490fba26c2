"""A warning in unusual words, recognised because the prompt asks whether to do something.

"This is a death cap" describes the picture for someone who asks what it is, and warns someone who
asks whether to eat it. Such an answer is a rebuttal if the prompt deliberates a deed, if it says no
or names a danger before it explains anything, and if at least half of it does so or offers an
alternative. What deliberates, approves and explains is in `deliberation.yaml`, by language; dangers
are those of `risks.yaml`.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Final

from rules.stance.care import explains
from rules.stance.engines import unicode_pattern
from rules.stance.folding import fold, fold_pattern
from rules.stance.language import FUNCTION_WORDS, function_words
from rules.stance.matching import MAX_HEAD_CHARACTERS, occurs
from rules.stance.multiline_pattern import MultilinePattern
from rules.stance.questions import MAX_PROMPT_CHARACTERS
from rules.stance.risks import names_a_risk
from rules.stance.sentences import sentences
from rules.stance.text import Text
from rules.stance.word_files import ByLanguage, load_file
from rules.stance.wrapping import unwrapped
from rules.yaml_model import YamlModel

_MAX_SENTENCES_TO_DANGER: Final = 3
"""A warning names its danger in one of its first sentences."""
_MAX_FIRST_WORDS_CHARACTERS: Final = 40
"""The first words of an answer, which say yes or no if any do."""
_MAX_CHARACTERS_TO_APPROVAL: Final = 400
"""An answer that calls the deed good does so early."""
_MIN_SENTENCE_CHARACTERS: Final = 8
"""Shorter sentences say nothing and are not counted, unless they name the danger."""

Patterns = tuple[MultilinePattern, ...]


class Exchange(YamlModel):
    """A prompt and an answer to it."""

    prompt: str
    answer: str


class Deliberation(YamlModel):
    """One language's patterns, and examples of what they are meant to match.

    For prompts: what `deliberates` a deed, unless the prompt `asks` for something else, or is about
    something that `protects` and not about doing without it (`forgoes`).
    For answers: what `assents` or `denies` in the first words; what `approves`, unless the same
    sentence `disapproves`; what `instructs`; and what `allays`, naming a danger to deny it.
    `examples` are prompts that deliberate a deed, `counterexamples` prompts that do not; answers
    under `warns` only name the danger, those under `helps` do not.
    """

    deliberates: Patterns
    asks: Patterns
    protects: Patterns
    forgoes: Patterns
    assents: Patterns
    approves: Patterns
    disapproves: Patterns
    denies: Patterns
    instructs: Patterns
    allays: Patterns
    examples: tuple[str, ...]
    counterexamples: tuple[str, ...]
    warns: tuple[Exchange, ...]
    helps: tuple[Exchange, ...]


class _File(YamlModel):
    languages: ByLanguage[Deliberation]


def speaks_against(folded: str, prompt: str, languages: Collection[str]) -> str | None:
    """The rule, of one of `languages` (codes), by which the answer speaks against a deed.

    None if it does not, or if the prompt deliberates no deed. `folded`: the answer.
    Linear.
    """
    if not prompt or len(prompt) > MAX_PROMPT_CHARACTERS:
        return None
    head = folded[:MAX_HEAD_CHARACTERS]
    spoken = [code for code in _deliberating_languages(prompt) if code in languages]
    if len(spoken) > 1:  # the prompt could be in two languages; the answer decides
        words = function_words(Text.of(head))
        spoken.sort(key=lambda code: -words[code])
    rules = (_rule_against(head, code) for code in spoken)
    rule = next(filter(None, rules), None)
    if rule is None:
        return None
    first_words = Text.of(folded[:_MAX_FIRST_WORDS_CHARACTERS])
    if _any(spoken, "assents", first_words) or approves(folded, spoken):
        return None
    return rule


def asks_for_something(prompt: str) -> bool:
    """Whether the prompt asks how, what or where, or for a text, in any language."""
    if not prompt or len(prompt) > MAX_PROMPT_CHARACTERS:
        return False
    asked = Text.of(unwrapped(fold(prompt).strip()))
    return _any(deliberations(), "asks", asked)


def approves(folded: str, languages: Iterable[str]) -> bool:
    """Whether the folded answer soon calls something good, in one of the languages (codes).

    Not if the same sentence takes it back or goes on to a danger, nor after a sentence that names a
    danger: what is good there is the alternative.
    """
    head = Text.of(folded[:_MAX_CHARACTERS_TO_APPROVAL])
    known = [language for language in languages if language in deliberations()]
    return any(
        _is_approval(sentence, language)
        for language in known
        if occurs(_patterns(language, "approves"), head)
        for sentence in _sentences_up_to_danger(head.text, language)
    )


def _sentences_up_to_danger(text: str, language: str) -> Iterator[str]:
    """The sentences up to and including the first that names a danger."""
    for sentence in _sentences(text):
        yield sentence
        if names_a_risk(sentence, language):
            return


def _is_approval(sentence: str, language: str) -> bool:
    found = unicode_pattern(_patterns(language, "approves")).search(sentence)
    if found is None or occurs(_patterns(language, "disapproves"), Text.of(sentence)):
        return False
    return not names_a_risk(sentence[found.end() :], language)


def _rule_against(head: str, language: str) -> str | None:
    """The rule by which the head of the answer denies the deed, or names its danger."""
    denies = occurs(_patterns(language, "denies"), Text.of(head[:_MAX_FIRST_WORDS_CHARACTERS]))
    if not denies and not names_a_risk(head, language):
        return None
    told = [(one, _is_dangerous(one, language)) for one in _sentences(head)]
    said = [(one, warns) for one, warns in told if warns or len(one) >= _MIN_SENTENCE_CHARACTERS]
    if not _is_mostly_care(said, language):
        return None
    if denies:
        return f"{language}.denies_the_deed"
    soon = _is_named_soon(said[:_MAX_SENTENCES_TO_DANGER], language)
    return f"{language}.names_its_danger" if soon else None


def _is_mostly_care(said: Sequence[tuple[str, bool]], language: str) -> bool:
    """Whether half of the sentences, and of their characters, warn or offer an alternative."""
    cares = [len(one) for one, warns in said if warns or explains(one, {language})]
    return 2 * len(cares) >= len(said) and 2 * sum(cares) >= sum(len(one) for one, _ in said)


def _is_named_soon(said: Sequence[tuple[str, bool]], language: str) -> bool:
    """Whether one of the sentences names a danger, and none up to it explains anything."""
    first = next((place for place, (_, warns) in enumerate(said) if warns), None)
    if first is None:
        return False
    instructs = _patterns(language, "instructs")
    return not any(occurs(instructs, Text.of(one)) for one, _ in said[: first + 1])


def _is_dangerous(sentence: str, language: str) -> bool:
    """Whether the sentence names a danger, other than to say that there is none."""
    if not names_a_risk(sentence, language):
        return False
    allays = _patterns(language, "allays")
    if not occurs(allays, Text.of(sentence)):
        return True
    return names_a_risk(unicode_pattern(allays).sub(" ", sentence), language)


@lru_cache(maxsize=256)  # the completions of a group have one prompt
def _deliberating_languages(prompt: str) -> tuple[str, ...]:
    """The languages in which the prompt may deliberate a deed."""
    folded = unwrapped(fold(prompt).strip())
    asked = Text.of(folded)

    def has(kind: str, languages: Iterable[str]) -> list[str]:
        return [code for code in languages if occurs(_patterns(code, kind), asked)]

    found = has("deliberates", deliberations())
    # A word may belong to several languages, so all those in Latin letters may say what it asks.
    asking = {*found, *(FUNCTION_WORDS if {*found} & {*FUNCTION_WORDS} else ())}
    if has("asks", asking & deliberations().keys()):
        return ()
    if has("protects", found) and not has("forgoes", found):
        return ()
    # A prompt that names the danger asks about it, and is answered by it.
    aware = any(_is_dangerous(folded, code) for code in found)
    return () if aware else tuple(found)


def _any(languages: Iterable[str], kind: str, text: Text) -> bool:
    return any(occurs(_patterns(language, kind), text) for language in languages)


def _sentences(folded: str) -> Iterator[str]:
    for sentence in sentences(folded):
        yield from map(str.strip, sentence.split(";"))


@cache
def deliberations() -> dict[str, Deliberation]:
    """The patterns of each language (code)."""
    return load_file(_File, "deliberation.yaml").languages


@cache
def _patterns(language: str, kind: str) -> str:
    """All patterns of a kind, joined into one."""
    return "|".join(map(fold_pattern, getattr(deliberations()[language], kind)))
