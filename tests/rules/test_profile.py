"""Profiles are validated on load, and their version changes with each edit."""

from pathlib import Path

import pytest

from rules.profile import ProfileError, load_profile, parse_profile, shipped_profiles
from rules.word_list import MAX_LIST_CHARACTERS

MINE = """
name: mine
release: 1.0.0
structure: strict
dialect: tags
instruction: tags.txt
stance: {detector: rules}
"""


MANY_WORDS = [f"{number}".rjust(MAX_LIST_CHARACTERS // 1000, "x") for number in range(1000)]
"""As many characters as a list may have."""


def mine_with(change: str) -> str:
    """`MINE` with the line `change` in the place of the one with its key, if there is one."""
    key, _, _ = change.partition(":")
    kept = [line for line in MINE.splitlines() if not line.startswith(f"{key}:")]
    return "\n".join([*kept, change])


def test_three_profiles_ship() -> None:
    assert shipped_profiles() == ["official", "paper", "safegrpo"]
    for name in shipped_profiles():
        profile = load_profile(name)
        assert profile.name == name
        assert profile.version.startswith(f"{name}-{profile.release}+")


def test_instruction_names_the_tags_that_the_grammar_wants() -> None:
    assert "<combined>unsafe</combined>" in load_profile("safegrpo").instruction
    for name in ("paper", "official"):
        assert "<combined_safe>unsafe</combined_safe>" in load_profile(name).instruction


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("colour: red", "there is no key 'colour'; known: name, release, "),
        ("weight: {tag: 1}", "there is no key 'weight'; did you mean weights? known: name, "),
        ("weights: {tags: 1}", "weights: there is no key 'tags'; did you mean tag? known: tag, "),
        ("weights: 0.5", "weights: must be a mapping; its keys: tag, behavior"),
        ("weights: {tag: -1}", "weights.tag"),
        ("weights: {tag: .nan}", "weights.tag"),
        ("tag_shares: {visual: 0.5}", "tag_shares: combined, visual and text must add up to 1"),
        ("weights: {tag: 1.0e+308}", "weights.tag"),
        ("dialect: klingon", "dialect"),
        ("structure: official", "dialect"),
        ("stance: {detector: regex}", "stance: 'detector' must be one of 'rules', 'words'"),
        ("stance: {detector: words}", "stance.words: is missing"),
        ("stance: {detector: words, words: [sorry, '']}", "stance.words.1"),
        (
            f"stance: {{detector: words, words: [{', '.join(MANY_WORDS)}, x]}}",
            f"stance.words: the 1001 words have {MAX_LIST_CHARACTERS + 1} characters together, ",
        ),
        ("stance: {detector: words, words: [Sorry]}", "stance.words: 'Sorry' has a capital letter"),
        ("stance: {detector: rules, languages: [en, xx]}", "no lexicon for 'xx'; there are ar"),
        ("stance: {detector: rules, languages: []}", "stance.languages"),
        ("stance: {detector: rules, languages: en}", "stance.languages: must be a list"),
        ("stance: {detector: rules, timeout: .inf}", "stance.timeout"),
        ("release: one", "release"),
        ("release: 1.0", "release: must be text; put a number, yes or no in quotes"),
        ("release: 2026-13-01", "YAML"),
        ("max_characters: 0", "max_characters"),
        ("max_characters: true", "max_characters: must be a whole number"),
        ("max_characters: '9'", "max_characters: must be a whole number"),
        ("max_characters: 9.5", "max_characters: must be a whole number"),
        ("checks: {repetition: {ngram: yes}}", "checks.repetition.ngram: must be a whole number"),
        ("weights: {tag: yes}", "weights.tag: must be a number"),
        ("weights: {tag: '1'}", "weights.tag: must be a number"),
        ("trailing_tokens: ['>']", "trailing_tokens: '>' would be stripped from the </answer>"),
        ("trailing_tokens: [</Answer>]", "trailing_tokens: '</Answer>' would be stripped"),
        ("instruction: none.txt", "none.txt"),
        (
            "instruction: paper.txt",
            "tags such as <combined_safe>, but by its structure and dialect",
        ),
        ("extras: {overlong: {limit: 1.0e+12, buffer: 2}}", "extras.overlong.limit"),
        ("extras: {overlong: {limit: 1, buffer: 2}}", "extras.overlong"),
        ("name: [", "YAML"),
    ],
)
def test_a_wrong_profile_names_the_file_and_the_key(change: str, named: str) -> None:
    with pytest.raises(ProfileError) as raised:
        parse_profile(mine_with(change), "mine.yaml")
    assert named in str(raised.value)
    assert str(raised.value).startswith("mine.yaml")


def test_only_what_is_wrong_with_a_profile_is_said() -> None:
    with pytest.raises(ProfileError) as raised:
        parse_profile(mine_with("weights: {tag: lots}"), "mine.yaml")
    assert str(raised.value).startswith("mine.yaml: weights.tag: ")
    assert ";" not in str(raised.value)


def test_an_unknown_profile_names_those_that_ship() -> None:
    for name in ("nope", "n" * 300):  # longer than a file's may be
        with pytest.raises(ProfileError, match="official, paper, safegrpo"):
            load_profile(name)


@pytest.mark.parametrize("unreadable", ["mine.yaml", "mine.txt"])
def test_a_file_that_is_no_text_is_named(tmp_path: Path, unreadable: str) -> None:
    (tmp_path / "mine.yaml").write_text(MINE.replace("tags.txt", "mine.txt"))
    (tmp_path / "mine.txt").write_text("Think first.")
    (tmp_path / unreadable).write_bytes(b"\xff\xfe")
    with pytest.raises(ProfileError, match=rf"{unreadable} is not text in UTF-8"):
        load_profile(str(tmp_path / "mine.yaml"))


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(MINE.replace("tags.txt", "mine.txt"), "utf-8-sig")
    (tmp_path / "mine.txt").write_text("Think first.", "utf-8-sig")
    assert load_profile(str(tmp_path / "mine.yaml")).instruction == "Think first."


def test_a_users_profile_may_bring_its_own_instruction(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(MINE.replace("tags.txt", "mine.txt"))
    (tmp_path / "mine.txt").write_text("Think first.")
    mine = load_profile(str(tmp_path / "mine.yaml"))
    assert mine.instruction == "Think first."
    (tmp_path / "mine.txt").write_text("Think twice.")
    assert load_profile(str(tmp_path / "mine.yaml")).version != mine.version


def test_a_strict_profile_strips_the_usual_trailing_tokens_unless_it_lists_its_own() -> None:
    usual = parse_profile(MINE, "mine").trailing_tokens
    assert {"<|im_end|>", "</s>"} < set(usual)
    assert load_profile("safegrpo").trailing_tokens == usual
    assert parse_profile(mine_with("trailing_tokens: []"), "mine").trailing_tokens == ()
    official = MINE.replace("strict", "official").replace("dialect: tags\n", "")
    official = official.replace("tags.txt", "paper.txt")
    assert parse_profile(official, "mine").trailing_tokens == ()


@pytest.mark.parametrize(
    "change",
    [
        "weights: {tag: 0.4}",
        "max_characters: 9",
        "release: 1.0.1",
        "trailing_tokens: [</s>]",
        "checks: {min_reasoning_words: 3}",
        "stance: {detector: rules, languages: [en]}",
    ],
)
def test_any_edit_of_a_profile_changes_its_version(change: str) -> None:
    edited = parse_profile(mine_with(change), "mine")
    assert edited.version != parse_profile(MINE, "mine").version
