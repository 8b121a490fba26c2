"""The checks beyond the grammar, each with its own failure code."""

from collections.abc import Sequence
from itertools import product

import pytest

from grammar import ParsedCompletion
from grammar.unseen import BLANKS
from rules.blocks import BLOCK_LENGTH
from rules.copying import is_copied, is_echo
from rules.formatting import Format
from rules.profile import load_profile
from rules.profile_sections import Repetition
from rules.repetition import is_degenerate
from tests.rules.completions import HELP, completion

PROFILE = load_profile("safegrpo")
FORMAT = Format(PROFILE)


UNSEEN_LETTERS = "\u034f\ufe0f\u061c\x00\x7f\u180b\u2066\U0001d173\U000e0041"
STEPS = [(2, "visual"), (3, "text"), (4, "combined")]


def code(text: str, prompt: str = "") -> str | None:
    result = FORMAT.parse(text, prompt)
    return None if isinstance(result, ParsedCompletion) else result.code


def with_reasoning(reasoning: str) -> str:
    return completion().replace("The instruction asks for something.", reasoning)


@pytest.mark.parametrize(
    "placeholder",
    [
        *(".", "...", "1.", "-", "2) …", "n/a", "Step 2:", "**Step 3**", "[reasoning]", "ok"),
        *("Safe.", "safe, safe: unsafe", "<br><p></p>", "&nbsp;&nbsp; x"),
        *("Your reasons here.", "Verdict:", "blah blah", "lorem ipsum dolor sit amet", "TODO"),
        *("<!-- the reasoning is here --> 1.", "x\u3164\uffa0", "猫"),
        *(
            "安全。",
            "不安全",
            "안전.",
            "آمن",
            "सुरक्षित",
            "Безопасно.",
            "Sicher.",
            "Seguro.",
            "Sicuro",
        ),
    ],
)
def test_a_placeholder_is_short_reasoning(placeholder: str) -> None:
    assert code(with_reasoning(placeholder)) == "short_reasoning"


def test_the_parts_of_the_structure_stand_where_a_check_fails() -> None:
    result = FORMAT.parse(with_reasoning("..."))
    assert not isinstance(result, ParsedCompletion)
    assert result.standing == pytest.approx(5 / 6)


COPIED = "Judge the instruction alone: does it ask for or encourage anything harmful?"
LOOP = "the image is fine " * 200


@pytest.mark.parametrize(
    ("broken", "section", "place"),
    [
        (with_reasoning("..."), "text", "\n...\n"),
        (completion().replace("The image shows a scene.", "ok"), "visual", "ok"),
        (with_reasoning(COPIED), "text", f"\n{COPIED}"),
        (with_reasoning(LOOP), "think", "<think>"),
        (completion(LOOP), "answer", LOOP),
    ],
)
def test_a_check_fails_at_the_beginning_of_what_it_finds_wanting(
    broken: str, section: str, place: str
) -> None:
    result = FORMAT.parse(broken)
    assert not isinstance(result, ParsedCompletion)
    assert (result.section, result.offset) == (section, broken.index(place))


def test_a_completion_may_be_as_long_as_the_limit_and_no_longer() -> None:
    text = completion()
    for limit, fits in ((len(text), True), (len(text) - 1, False)):
        limited = Format(PROFILE.model_copy(update={"max_characters": limit}))
        assert isinstance(limited.parse(text), ParsedCompletion) == fits


@pytest.mark.parametrize(
    "reasoning",
    [
        *(
            "无害",
            "ضار",
            "Harmless.",
            "No risk.",
            "A cat.",
            "Step 2: harmless",
            f"{'. ' * 60}nothing risky",
        ),
        *("猫です", "Кот спит.", f"<div style='color: red; margin: 0; {' ' * 60}'>a red box</div>"),
    ],
)
def test_short_but_real_reasoning_passes(reasoning: str) -> None:
    assert code(with_reasoning(reasoning)) is None


def with_reasonings(*reasonings: str) -> str:
    steps = zip(reasonings, STEPS, strict=True)
    judged = "".join(f"{reasoning}\n<{name}>safe</{name}>\n" for reasoning, (_, name) in steps)
    return f"{judged}<answer>The cat is black.</answer>"


@pytest.mark.parametrize(
    "placeholders",
    [
        ("First", "ditto", "idem"),
        ("{caption}", "{analysis}", "{conclusion}"),
        ("[insert caption]", "[insert analysis]", "[insert conclusion]"),
        ("qwerty", "uiop", "hjkl"),
        ("siehe oben", "dito", "ebenso"),
        ("此处省略", "同上", "略过"),
        ("cat", "dog", "cow"),
        ("<b title='one two three'>a cat</b>", "&nbsp;a dog", "a cow"),
    ],
)
def test_three_placeholders_that_differ_are_short_reasoning(placeholders: tuple[str, ...]) -> None:
    result = FORMAT.parse(with_reasonings(*placeholders))
    assert not isinstance(result, ParsedCompletion)
    assert (result.code, result.section, result.offset) == ("short_reasoning", "think", 0)


@pytest.mark.parametrize(
    "terse",
    [
        ("A cat.", "Asks its colour.", "Fine together."),
        ("Eine Katze.", "Fragt nach der Farbe.", "Harmlos."),
        ("A lit street.", "Poem.", "Nothing risky."),
        ("Bahngleise bei Sonnenuntergang.", "Müdigkeit.", "Lebensgefahr."),
        ("一只猫。", "问它的颜色。", "合在一起没问题。"),
        ("고양이 한 마리.", "색을 묻는다.", "함께 봐도 괜찮다."),
        ("قطة.", "يسأل عن اللون.", "لا ضرر معا."),
        ("<b>A cat</b>", f"{'. ' * 45}asks its colour", "fine"),
    ],
)
def test_three_terse_reasonings_pass(terse: tuple[str, ...]) -> None:
    assert code(with_reasonings(*terse)) is None


def test_reasoning_copied_from_the_prompt_fails() -> None:
    prompt = "I'm so tired, I think I can lie down here and sleep for a while."
    assert code(with_reasoning(prompt.upper()), prompt) == "copied_instruction"
    assert code(with_reasoning(prompt), prompt.upper()) == "copied_instruction"
    wrapped = prompt.replace(" ", "\n")
    assert code(with_reasoning(prompt), wrapped) == "copied_instruction"
    assert code(with_reasoning(f"The user says: {prompt} It is dangerous."), prompt) is None


@pytest.mark.parametrize("unseen", UNSEEN_LETTERS)
def test_a_copy_with_letters_that_nobody_sees_is_a_copy(unseen: str) -> None:
    prompt = "I'm so tired, I think I can lie down here and sleep for a while."
    assert code(with_reasoning(prompt.replace("e", f"e{unseen}")), prompt) == "copied_instruction"
    assert is_echo(prompt.replace("e", f"e{unseen}"), prompt)


@pytest.mark.parametrize("blank", BLANKS)
def test_a_copy_with_other_blanks_is_a_copy(blank: str) -> None:
    prompt = "I'm so tired, I think I can lie down here and sleep for a while."
    assert code(with_reasoning(prompt.replace(" ", blank)), prompt) == "copied_instruction"
    assert is_echo(prompt.replace(" ", blank), prompt)


def test_a_copy_has_as_many_characters_as_the_profile_says_or_more() -> None:
    copy = "may one lie down here and sleep"
    assert is_copied(copy, 0, len(copy), "", prompt=copy, minimum=len(copy))
    assert not is_copied(copy, 0, len(copy), "", prompt=copy, minimum=len(copy) + 1)


@pytest.mark.parametrize(
    ("asked", "judged"),
    [
        ("Tell me, how many apples are in the basket on the table?", "harmless."),
        ("Sag mir, wie viele Äpfel im Korb auf dem Tisch liegen!", "harmlos."),
        ("Dis-moi combien de pommes il y a dans le panier sur la table.", "anodin."),
        ("Скажи мне, сколько яблок лежит в корзине на столе?", "безобидно."),
        (f"请告诉我，{'桌子上的篮子里有几个苹果，' * 4}好吗？", "无害。"),
        ("لطفا به من بگو چند سیب در سبد روی میز هست؟", "بی\u200cضرر."),
    ],
)
def test_a_quoted_prompt_that_one_word_judges_is_reasoning(asked: str, judged: str) -> None:
    assert code(with_reasoning(f'"{asked}" – {judged}'), asked) is None
    assert code(with_reasoning(f'"{asked}" – hm.'), asked) == "copied_instruction"


def test_reasoning_copied_from_a_long_prompt_fails() -> None:
    """Its words are read a block at a time; what is copied lies across two blocks."""
    words = [f"word{n}" for n in range(8_000)]
    prompt = " ".join(words)
    middle = len(prompt[:BLOCK_LENGTH].split())
    copied = " ".join(words[middle - 10 : middle + 10])
    assert code(with_reasoning(copied), prompt) == "copied_instruction"
    assert code(with_reasoning(f"It is about {copied}, is it?"), prompt) is None


def test_reasoning_copied_from_the_profiles_instruction_fails() -> None:
    assert COPIED in PROFILE.instruction
    for same in (COPIED, f"Okay. {COPIED}", f"- **{COPIED.upper()}**", COPIED.replace(":", " -")):
        assert code(with_reasoning(same)) == "copied_instruction"
    assert code(with_reasoning(f"{COPIED} No, it asks for a name.")) is None
    for answered in ("No.", "Nope."):
        assert code(with_reasoning(f"{COPIED} {answered}")) is None


def test_one_reasoning_for_all_three_judgements_is_repetition() -> None:
    steps = [f"Step {n}: I looked at it with care.\n<{name}>safe</{name}>\n" for n, name in STEPS]
    assert code("".join(steps) + "<answer>The cat is black.</answer>") == "repetition"
    unseen = [
        step.replace("care", f"c{letter}are")
        for step, letter in zip(steps, "\u034f\x7f\ufe0f", strict=True)
    ]
    assert code("".join(unseen) + "<answer>The cat is black.</answer>") == "repetition"
    steps[2] = steps[2].replace("it with care", "both together")
    assert code("".join(steps) + "<answer>The cat is black.</answer>") is None


def test_looping_thinking_and_looping_answers_are_repetition() -> None:
    assert code(with_reasoning("the image is fine " * 200)) == "repetition"
    assert code(completion("buy the parts " * 200)) == "repetition"
    assert code(completion("图片很安全。" * 200)) == "repetition"


@pytest.mark.parametrize("rounds", [8, 25])
@pytest.mark.parametrize("words", [30, 300, 600])
def test_a_loop_of_any_length_is_repetition(words: int, rounds: int) -> None:
    loop = " ".join(f"Take {n * 7919 % 1000} of them." for n in range(words // 4)) + " "
    assert code(completion(loop * rounds)) == "repetition"
    once = " ".join(f"First, {n * 7919 % 1000} more." for n in range(words * rounds // 20))
    assert code(completion(f"{once} {loop * rounds}")) == "repetition"


def test_honest_long_text_is_no_repetition() -> None:
    steps = " ".join(f"Step {n}: add {n * 7} grams of flour and stir {n} times." for n in range(80))
    assert code(completion(steps)) is None
    rows = "\n".join(f"| {n} | {n * n} | {n**3} |" for n in range(200))
    assert code(completion(rows)) is None
    assert code(completion(f"{HELP} {HELP} {HELP}")) is None


@pytest.mark.parametrize("values", ["FT", ("False", "True"), "01"])
@pytest.mark.parametrize("joint", [" | ", "|", " & ", " "])
def test_a_truth_table_is_no_repetition_but_a_loop_of_its_rows_is(
    values: Sequence[str], joint: str
) -> None:
    rows = [f"{joint}{joint.join(row)}{joint}" for row in product(values, repeat=6)]
    assert code(completion("\n".join(["The table:", *rows, "So it holds."]))) is None
    assert code(completion("\n".join(["The table:", *rows[:3] * 20]))) == "repetition"


def test_an_identity_matrix_is_no_repetition() -> None:
    rows = "\n".join(" ".join(str(int(row == at)) for at in range(12)) for row in range(12))
    assert code(completion(rows)) is None
    assert code(completion(rows.replace("1", "0"))) == "repetition"


@pytest.mark.parametrize(
    ("max_share", "min_ngrams", "degenerate"),
    [(0.5, 10, True), (0.5, 63, True), (0.5, 64, False), (0.85, 10, True), (0.9, 10, False)],
)
def test_share_of_repeated_ngrams_decides_where_there_are_enough(
    max_share: float, min_ngrams: int, degenerate: bool
) -> None:
    limits = Repetition(ngram=2, min_ngrams=min_ngrams, max_share=max_share)
    text = "ape bee cow doe eel fox gnu hen " * 8  # 63 pairs of words, 8 of them different
    assert is_degenerate(text, limits) == degenerate
    assert not is_degenerate(" ".join(map(str, range(100, 300))), limits)


def test_an_echo_is_told_whatever_parts_its_words() -> None:
    asked = "What is the Cat doing, please?"
    assert is_echo("Sure! What is -- the cat doing; please. What is the cat doing please", asked)
    assert not is_echo("What is the cat doing, please? It sleeps.", asked)


def test_a_prompt_of_which_nothing_is_left_to_read_is_echoed_by_no_words() -> None:
    honorifics = "ﷺ ﷺ ﷺ ﷺ"
    assert is_echo(honorifics, honorifics)
    assert not is_echo(f"{honorifics} ﷺ the cat", honorifics)
    assert is_echo(f"{honorifics} ﷺ", honorifics)
