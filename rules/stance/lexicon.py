"""Load the lexicons: YAML files of named rules, each with a stance, patterns, and examples.

In a pattern `{name}` stands for the file's fragment of that name, and a pattern may be laid out
over several lines. Two engines read the patterns (RE2 first, then `regex` to confirm), so they use
only the syntax that both know: no look-around and no back references; what a rule must not match
goes under its `unless`. A file that breaks this is refused, naming the file, rule and pattern.
"""

import re
import string
from collections.abc import Iterable
from importlib.resources import files
from typing import Annotated, Final, Literal

import re2
from pydantic import Field, StringConstraints, model_validator

from rules.stance.engines import search_options, unicode_pattern
from rules.stance.folding import fold_pattern
from rules.stance.multiline_pattern import MultilinePattern
from rules.stance.timed_pattern import PatternError
from rules.yaml_model import YamlModel, parse_yaml

Effect = Literal["refusal", "rebuttal", "compliance", "advice", "unclear", "mention", "description"]
Scope = Literal["start", "statement", "opening", "anywhere"]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class LexiconError(ValueError):
    """A lexicon file cannot be used; the message names file, rule and pattern."""


class Rule(YamlModel):
    """One way to refuse, to advise against, to help, to ask back, or only to mention a refusal.

    `scope`: `start` matches at the first character of the answer, `statement` in the sentence in
    which it takes its stance, `opening` in its first sentences, `anywhere` in its head
    (`compliance` rules read the whole answer).
    A `mention` is not the answer's own statement. A `description` is an opening that describes the
    picture; unlike help it does not outweigh a refusal. `advice` tells how to do something: after
    a warning that is help, after a refusal it may be an alternative.
    `informs` marks a rebuttal that says what danger there is, which is what some prompts ask for.
    `unless` cancels a match if it occurs in the same sentence, `unless_before` if it occurs there
    before the end of the match's clause: a word of care after instructions excuses nothing.
    `examples` are whole answers that are detected with the rule's stance (for `mention`: that do
    not decline, or would not without the rule; for `advice`: that help; for `description`: that
    decline all the same). The rule matches each of them, and without it at least one has another
    stance; `counterexamples` are whole answers that this rule does not decide.
    """

    name: Name
    stance: Effect
    scope: Scope = "anywhere"
    informs: bool = False
    why: str = ""
    patterns: tuple[MultilinePattern, ...] = Field(min_length=1)
    unless: tuple[MultilinePattern, ...] = ()
    unless_before: tuple[MultilinePattern, ...] = ()
    examples: tuple[str, ...] = Field(min_length=1)
    counterexamples: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _informs_by_a_rebuttal(self) -> "Rule":
        if self.informs and self.stance != "rebuttal":
            raise ValueError(f"`informs` is for rebuttals; the rule {self.name!r} is none")
        return self


class Lexicon(YamlModel):
    """One language's rules, with fragments already expanded."""

    language: str
    name: str
    fragments: dict[Name, MultilinePattern] = Field(default_factory=dict)
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
    """The fragments expanded in order, since each may use those above it."""
    written: dict[str, str] = {}
    for name, pattern in fragments.items():
        written[name] = f"(?:{_expanded(pattern, written, f'{source}: fragment {name}')})"
    return written


def _expand_rule(rule: Rule, fragments: dict[str, str], source: str) -> Rule:
    place = f"{source}: rule {rule.name}"

    def expand(patterns: Iterable[str]) -> tuple[str, ...]:
        written = (fold_pattern(_expanded(p, fragments, place)) for p in patterns)
        return tuple(_checked(pattern, place) for pattern in written)

    return rule.model_copy(
        update={
            "patterns": expand(rule.patterns),
            "unless": expand(rule.unless),
            "unless_before": expand(rule.unless_before),
        }
    )


_FRAGMENT: Final = re.compile(r"(?<!\\[pP])\{([a-z_][a-z0-9_]*)\}")


def _expanded(pattern: str, fragments: dict[str, str], place: str) -> str:
    def fragment(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in fragments:
            raise LexiconError(
                f"{place}: pattern {pattern!r} uses the fragment {{{name}}}, which the file does "
                "not define above it."
            )
        return fragments[name]

    return _FRAGMENT.sub(fragment, pattern)


def _checked(pattern: str, place: str) -> str:
    if any(letter in string.ascii_uppercase for letter in _without_escapes(pattern)):
        raise LexiconError(
            f"{place}: pattern {pattern!r} has a capital letter; answers are folded to lower case, "
            "so it can never match."
        )
    # `regex` takes a millisecond or more for each pattern, so it only explains a failure.
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
    except PatternError as error:
        raise LexiconError(f"{place}: pattern {pattern!r} does not compile: {error}.") from error


_ESCAPE: Final = re.compile(r"\\(?:[pP]\{\w+\}|.)")


def _without_escapes(pattern: str) -> str:
    return _ESCAPE.sub("", pattern)
