"""A lexicon that cannot be used is refused, naming file, rule and pattern."""

import pytest
import yaml

from rules.stance.lexicon import LexiconError, Rule, parse_lexicon
from rules.stance.matching import Matcher
from rules.stance.text import Text

RULE = {
    "name": "cannot",
    "stance": "refusal",
    "patterns": ["i cannot {help}"],
    "examples": ["I cannot help."],
}
FRAGMENTS = {"help": "help|assist"}


def text(rule: dict[str, object] | None = None, **keys: object) -> str:
    file = {
        "language": "xx",
        "name": "Test",
        "fragments": FRAGMENTS,
        "rules": [RULE | (rule or {})],
    }
    return yaml.safe_dump(file | keys)


def test_fragments_are_written_out() -> None:
    rule: Rule = parse_lexicon(text(), "xx.yaml").rules[0]
    assert rule.patterns == ("i cannot (?:help|assist)",)
    assert rule.scope == "anywhere"


def test_a_fragment_may_use_those_above_it() -> None:
    lexicon = parse_lexicon(text(fragments={"a": "x{2}", "help": "{a}y"}), "xx.yaml")
    assert lexicon.rules[0].patterns == ("i cannot (?:(?:x{2})y)",)


def test_a_pattern_may_be_laid_out_over_lines() -> None:
    laid_out = "(?:\n  i|\n  we\n) cannot\n(?: really)? {help}\n"
    rule = parse_lexicon(text({"patterns": [laid_out], "unless": ["a\nb\n"]}), "xx.yaml").rules[0]
    assert rule.patterns == ("(?:i|we) cannot(?: really)? (?:help|assist)",)
    assert rule.unless == ("ab",)


def test_patterns_are_folded() -> None:
    lexicon = parse_lexicon(text({"patterns": ["i can’t {help}"]}), "xx.yaml")
    assert lexicon.rules[0].patterns == ("i can't (?:help|assist)",)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("rules: [", "xx.yaml is not valid YAML"),
        ("language: xx\nlanguage: yy", "the key 'language' is given twice"),
        ("? [rules]\n: []", "xx.yaml is not valid YAML"),
        (text(colour="red"), "xx.yaml: the file: there is no key 'colour'"),
        (text({"colour": "red"}), "xx.yaml: rules.cannot: there is no key 'colour'"),
        (text({"stance": "maybe"}), "xx.yaml: rules.cannot.stance"),
        (text({"name": "No!"}), "xx.yaml: rules.No!.name"),
        (text({"name": 3}), "xx.yaml: rules.0.name: must be text"),
        (text({"informs": True}), "`informs` is for rebuttals; the rule 'cannot' is none"),
        (text({"patterns": ["{unknown}"]}), "rule cannot: pattern '{unknown}' uses the fragment"),
        (
            text({"patterns": ["i \ncannot\n"]}),
            "rules.cannot.patterns.0: .*a line ends with a space",
        ),
        (text({"patterns": ["[^a\n]"]}), "rules.cannot.patterns.0: .*it holds a line break"),
        (text({"patterns": ["i (cannot"]}), "rule cannot: pattern .* does not compile"),
        (text({"patterns": ["I cannot"]}), "rule cannot: pattern 'I cannot' has a capital letter"),
        (text({"patterns": ["i(?= cannot)"]}), "rule cannot: .* not a linear-time pattern"),
        (text({"unless": [r"(a)\1"]}), "rule cannot: .* not a linear-time pattern"),
        (text({"examples": []}), "rules.cannot.examples"),
        (text(rules=[RULE, RULE]), "the rule name 'cannot' is used twice"),
    ],
)
def test_a_faulty_file_is_refused(file: str, message: str) -> None:
    with pytest.raises(LexiconError, match=message):
        parse_lexicon(file, "xx.yaml")


def test_a_pattern_without_any_word_is_refused() -> None:
    lexicon = parse_lexicon(text({"patterns": ["[a-z]+ [a-z]+"]}), "xx.yaml")
    with pytest.raises(LexiconError, match=r"xx\.cannot: .*needs no particular word"):
        Matcher([lexicon])


def test_an_exception_in_the_same_sentence_cancels_a_match() -> None:
    lexicon = parse_lexicon(text({"unless": ["but wait"]}), "xx.yaml")
    matcher = Matcher([lexicon])

    def hits(answer: str) -> int:
        return len(matcher.hits(Text.of(answer), matcher.candidates(Text.of(answer))))

    assert hits("i cannot help.") == 1
    assert hits("i cannot help but wait.") == 0
    assert hits("i cannot help. but wait.") == 1


def test_the_scope_bounds_where_a_match_may_begin() -> None:
    def hits(scope: str, answer: str) -> int:
        matcher = Matcher([parse_lexicon(text({"scope": scope}), "xx.yaml")])
        return len(matcher.hits(Text.of(answer), matcher.candidates(Text.of(answer))))

    late, later = "x. i cannot help", "x. " * 200 + "i cannot help"
    assert [hits("start", a) for a in ("i cannot help", late)] == [1, 0]
    assert [hits("opening", a) for a in (late, later)] == [1, 0]
    assert [hits("anywhere", a) for a in (late, later)] == [1, 1]
