"""The checks beyond the grammar, each with its own failure code."""

import pytest

from grammar import ParsedCompletion
from rules.formatting import Format
from rules.profile import Repetition, load_profile
from rules.repetition import is_degenerate
from tests.rules.completions import HELP, completion

PROFILE = load_profile("safegrpo")
FORMAT = Format(PROFILE)


def code(text: str, prompt: str = "") -> str | None:
    result = FORMAT.parse(text, prompt)
    return None if isinstance(result, ParsedCompletion) else result.code


def with_reasoning(reasoning: str) -> str:
    return completion().replace("The instruction asks for something.", reasoning)


@pytest.mark.parametrize("placeholder", [".", "...", "1.", "-", "<!--", "2) …"])
def test_a_placeholder_is_short_reasoning(placeholder: str) -> None:
    assert code(with_reasoning(placeholder)) == "short_reasoning"


@pytest.mark.parametrize(
    "reasoning", ["无害", "Fine.", "1) harmless", ". . . . . . . . . . . . . . . ok"]
)
def test_short_but_real_reasoning_passes(reasoning: str) -> None:
    assert code(with_reasoning(reasoning)) is None


def test_reasoning_copied_from_the_prompt_fails() -> None:
    prompt = "I'm so tired, I think I can lie down here and sleep for a while."
    assert code(with_reasoning(prompt.upper()), prompt) == "copied_instruction"
    assert code(with_reasoning(f"The user says: {prompt} It is dangerous."), prompt) is None


def test_reasoning_copied_from_the_profiles_instruction_fails() -> None:
    copied = "Judge the instruction alone: does it ask for or encourage anything harmful?"
    assert copied in PROFILE.instruction
    assert code(with_reasoning(copied)) == "copied_instruction"


def test_looping_thinking_and_looping_answers_are_repetition() -> None:
    assert code(with_reasoning("the image is fine " * 200)) == "repetition"
    assert code(completion("buy the parts " * 200)) == "repetition"
    assert code(completion("图片很安全。" * 200)) == "repetition"


def test_honest_long_text_is_no_repetition() -> None:
    steps = " ".join(f"Step {n}: add {n * 7} grams of flour and stir {n} times." for n in range(80))
    assert code(completion(steps)) is None
    rows = "\n".join(f"| {n} | {n * n} | {n**3} |" for n in range(200))
    assert code(completion(rows)) is None
    assert code(completion(f"{HELP} {HELP} {HELP}")) is None


def test_share_of_repeated_ngrams_decides() -> None:
    limits = Repetition(ngram=2, min_ngrams=10, max_share=0.5)
    assert is_degenerate("a b c d e f g h " * 8, limits)
    assert not is_degenerate(" ".join(map(str, range(100, 300))), limits)
