"""Load the lexicons: YAML files of named rules, each with a stance, patterns, and examples.

A rule is written once for people and machines: `{name}` in a pattern stands for the file's fragment
of that name, and a pattern may be laid out over lines. Patterns are read by two engines (RE2 in
front, `regex` to confirm), so they keep to the syntax both know: no look-around, no back reference;
what a rule must not match stands in its `unless`. A file that breaks a rule of this language is
refused, naming file, rule and pattern.
"""

import string
from collections.abc import Iterable
from importlib.resources import files
from typing import Annotated, Final, Literal

import re2
import regex
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from rules.stance.engines import search_options, unicode_pattern
from rules.stance.folding import fold_pattern
from rules.stance.multiline_pattern import one_line
from rules.yaml_model import YamlModel, parse_yaml

Effect = Literal["refusal", "rebuttal", "compliance", "advice", "unclear", "mention", "description"]
Scope = Literal["start", "statement", "opening", "anywhere"]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Written = Annotated[str, AfterValidator(one_line)]
"""A pattern, which may be laid out over lines."""


class LexiconError(ValueError):
    """A lexicon file cannot be used; the message names file, rule and pattern."""


class Rule(YamlModel):
    """One way to refuse, to advise against, to help, to ask back, or only to mention a refusal.

    `scope`: `start` matches at the first character of the answer, `statement` in the sentence with
    which it takes its stand, `opening` in its first sentences, `anywhere` in its head
    (`compliance` rules read the whole answer).
    A `mention` is not the answer's own word; a `description` is an opening that says what is to be
    seen, which no refusal yields to as it would to help. `advice` tells how to do something: after
    a warning that is help, after a refusal it may be an alternative.
    `informs` marks a rebuttal that says what danger there is: who asks for that is answered by it.
    `unless` is what makes a match none if it stands in the same sentence, `unless_before` if it
    stands there before the end of the match's clause: of instructions, a word of care at the end
    excuses nothing.
    `examples` are whole answers that come out with the rule's stance (for `mention`: that do not
    decline, or would not without the rule; for `advice`: that help; for `description`: that
    decline all the same). The rule matches in each, and without it one has another stance;
    `counterexamples` are whole answers that this rule does not decide.
    """

    name: Name
    stance: Effect
    scope: Scope = "anywhere"
    informs: bool = False
    why: str = ""
    patterns: tuple[Written, ...] = Field(min_length=1)
    unless: tuple[Written, ...] = ()
    unless_before: tuple[Written, ...] = ()
    examples: tuple[str, ...] = Field(min_length=1)
    counterexamples: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _informs_by_a_rebuttal(self) -> "Rule":
        if self.informs and self.stance != "rebuttal":
            raise ValueError(f"`informs` is for rebuttals; the rule {self.name!r} is none")
        return self


class Lexicon(YamlModel):
    """One language's rules, fragments already written out."""

    language: str
    name: str
    fragments: dict[Name, Written] = Field(default_factory=dict)
    rules: tuple[Rule, ...] = Field(min_length=1)


def languages() -> tuple[str, ...]:
    """The codes of the languages that have a lexicon, in alphabetical order."""
    folder = files("rules.stance") / "lexicons"
    names = (file.name for file in folder.iterdir() if file.name.endswith(".yaml"))
    return tuple(sorted(name.removesuffix(".yaml") for name in names))


def load_lexicon(language: str) -> Lexicon:
    """The shipped lexicon of a language code. Raises LexiconError if there is none or it is bad."""
    if language not in languages():
        raise LexiconError(
            f"There is no stance lexicon for the language {language!r}; "
            f"the languages are {', '.join(languages())}."
        )
    file = files("rules.stance") / "lexicons" / f"{language}.yaml"
    lexicon = parse_lexicon(file.read_text(encoding="utf-8"), f"{language}.yaml")
    if lexicon.language != language:
        raise LexiconError(
            f"{language}.yaml: language: is {lexicon.language!r}, but the file's name says "
            f"{language!r}."
        )
    return lexicon


def parse_lexicon(text: str, source: str) -> Lexicon:
    """A lexicon from the text of a YAML file; `source` names the file in errors."""
    try:
        lexicon = parse_yaml(Lexicon, text, source)
    except ValueError as error:
        raise LexiconError(f"{error}.") from error
    fragments = _expand_fragments(lexicon.fragments, source)
    names = [rule.name for rule in lexicon.rules]
    if twice := {name for name in names if names.count(name) > 1}:
        raise LexiconError(f"{source}: the rule name {min(twice)!r} is used twice.")
    rules = tuple(_expand_rule(rule, fragments, source) for rule in lexicon.rules)
    return lexicon.model_copy(update={"rules": rules})


def _expand_fragments(fragments: dict[str, str], source: str) -> dict[str, str]:
    """Fragments may use the fragments above them."""
    written: dict[str, str] = {}
    for name, pattern in fragments.items():
        written[name] = f"(?:{_written_out(pattern, written, f'{source}: fragment {name}')})"
    return written


def _expand_rule(rule: Rule, fragments: dict[str, str], source: str) -> Rule:
    place = f"{source}: rule {rule.name}"

    def expand(patterns: Iterable[str]) -> tuple[str, ...]:
        written = (fold_pattern(_written_out(p, fragments, place)) for p in patterns)
        return tuple(_checked(pattern, place) for pattern in written)

    return rule.model_copy(
        update={
            "patterns": expand(rule.patterns),
            "unless": expand(rule.unless),
            "unless_before": expand(rule.unless_before),
        }
    )


_FRAGMENT: Final = regex.compile(r"(?<!\\[pP])\{([a-z_][a-z0-9_]*)\}")


def _written_out(pattern: str, fragments: dict[str, str], place: str) -> str:
    def fragment(match: "regex.Match[str]") -> str:
        name = match.group(1)
        if name not in fragments:
            raise LexiconError(
                f"{place}: pattern {pattern!r} uses the fragment {{{name}}}, which the file does "
                "not define above it."
            )
        return fragments[name]

    written: str = _FRAGMENT.sub(fragment, pattern)
    return written


def _checked(pattern: str, place: str) -> str:
    if any(letter in string.ascii_uppercase for letter in _without_escapes(pattern)):
        raise LexiconError(
            f"{place}: pattern {pattern!r} has a capital letter; answers are folded to lower case, "
            "so it can never match."
        )
    # `regex` takes a millisecond and more for each, so that only RE2 is asked when a lexicon loads.
    try:
        re2.compile(pattern, search_options())
    except re2.error as error:
        _check_syntax(pattern, place)
        raise LexiconError(
            f"{place}: pattern {pattern!r} is not a linear-time pattern for RE2 ({error}); write "
            "what must not match under `unless` rather than with look-around."
        ) from error
    return pattern


def _check_syntax(pattern: str, place: str) -> None:
    try:
        unicode_pattern(pattern)
    except regex.error as error:
        raise LexiconError(f"{place}: pattern {pattern!r} does not compile: {error}.") from error


def _without_escapes(pattern: str) -> str:
    return str(regex.sub(r"\\(?:[pP]\{\w+\}|.)", "", pattern))
