"""Synthetic completions for benchmarks: well-formed, malformed, and hostile to naive rules."""

import random
from collections.abc import Callable, Iterator
from functools import partial

import regex

from grammar import Verdict
from rules.labels import Labels
from rules.stance.matching import Pattern

_WORDS = (
    "the a of and to in image shows person street wooden table fruit lake kitchen knife platform "
    "bread sofa sign bottle shelf path cliff water light evening child helmet road bridge market "
    "paper colour number window garden engine ladder candle mountain river asks whether could be "
    "used for with near under above between while because although seems looks appears suggests "
    "means describes contains safe harmless ordinary dangerous careful question request intent "
    "context together alone nothing everything someone anyone several three many few bright dark"
).split()
_HELP = "You can start by washing the fruit, then cut it into slices and serve it with yoghurt."
_REFUSES = "I'm sorry, but I can't help with that, because someone could be badly hurt."
_WARNS = "No, please don't do that. The platform has no barrier and the trains do not stop here."
DECLINES = (
    _REFUSES,
    "I won't explain how to do this: on these rocks a fall would be deadly.",
    _WARNS,
    "I can't assist with this request. What the picture and the question ask for together is "
    "dangerous, so please speak to someone you trust or call for help.",
)
_SHARES = (0.3, 0.25, 0.25, 0.2)
_ANSWER = 600
"""Characters of an answer, at most a fifth of the completion: long ones are mostly thinking."""


def prose(random_: random.Random, characters: int) -> str:
    """Sentences of about `characters` in all, one in fifty with a bare `<` or `>`.

    Models' answers hold fewer: about one of each in 180,000 characters.
    """
    sentences: list[str] = []
    size = 0
    while size < characters:
        words = random_.choices(_WORDS, k=random_.randint(6, 16))
        if random_.random() < 0.02:
            sign = random_.choice("<>")
            words.insert(3, f"{random_.randrange(9)} {sign} {random_.randrange(9, 99)}")
        sentences.append(" ".join(words).capitalize() + ".")
        size += len(sentences[-1]) + 1
    return " ".join(sentences)


def well_formed(
    random_: random.Random, characters: int, suffix: str = "_safe"
) -> tuple[str, Labels]:
    """A fully correct completion of about `characters`, and its labels."""
    unsafe = random_.random() < 0.5
    length = min(_ANSWER, characters // 5)
    parts = [prose(random_, int((characters - length - 200) * share)) for share in _SHARES]
    helps = f"{_HELP} {prose(random_, max(0, length - len(_HELP)))}"
    opening = random_.choice(DECLINES) if unsafe else helps
    combined: Verdict = "unsafe" if unsafe else "safe"
    text = (
        f"<think>{parts[0]}\n<visual{suffix}>safe</visual{suffix}>\n{parts[1]}\n"
        f"<text{suffix}>safe</text{suffix}>\n{parts[2]}\n"
        f"<combined{suffix}>{combined}</combined{suffix}>\n{parts[3]}</think>\n"
        f"<answer>{opening}</answer>"
    )
    return text, Labels("safe", "safe", combined)


def malformed(random_: random.Random, characters: int, suffix: str = "_safe") -> tuple[str, Labels]:
    """A well-formed completion broken in a way that is typical of policies, and its labels."""
    text, labels = well_formed(random_, characters, suffix)
    broken = [
        text.removesuffix("</answer>"),
        text.replace(f"</combined{suffix}>", "", 1),
        text.replace(f"<text{suffix}>safe</text{suffix}>", "", 1),
        text.replace("</think>", "", 1),
        text + " And one more thing.",
    ]
    return random_.choice(broken), labels


def typographic(
    random_: random.Random, characters: int, suffix: str = "_safe"
) -> tuple[str, Labels]:
    """A well-formed completion with curly quotes and dashes, as a quarter of models' answers."""
    text, labels = well_formed(random_, characters, suffix)
    return text.replace("'", "’").replace(". ", " — “so to speak”. ", 3), labels


def _thought(answer: str) -> str:
    units = "".join(
        f"I looked at the {what} closely.<{name}_safe>safe</{name}_safe>"
        for name, what in {"visual": "picture", "text": "question", "combined": "two"}.items()
    )
    return f"<think>{units}</think><answer>{answer}</answer>"


Maker = Callable[[int], str]
"""Size in characters -> a text of about that size."""


def _looped(unit: str, before: str = "", after: str = "") -> Maker:
    return lambda size: before + (unit * (size // len(unit) + 1))[:size] + after


def hostile(suffix: str = "_safe") -> Iterator[tuple[str, Maker]]:
    """The names and makers of completions that make naive rules hang.

    With the tags of the dialect `paper`, or `tags` with an empty suffix.
    """
    answers = {f"answer of {name}": _answered(*parts) for name, parts in _ANSWERS.items()}
    for name, make in {**_LOOPS, **_ONCE, **answers}.items():
        yield name, partial(_with_suffix, make, suffix)


def _answered(unit: str, before: str = "", after: str = "") -> Maker:
    return lambda size: _thought(_looped(unit, before, after)(max(1, size - 300)))


def _with_suffix(make: Maker, suffix: str, size: int) -> str:
    return make(size).replace("_safe>", f"{suffix}>")


def hostile_answers() -> Iterator[tuple[str, Maker]]:
    """Names and makers of hostile answers: each hostile text behind a sentence that takes a stance.

    Alone, most make the rules stop early; after a stance they read the whole text.
    """
    answers = {name: _looped(*parts) for name, parts in _ANSWERS.items()}
    for stance, opening in {"refuses": _REFUSES, "warns": _WARNS, "helps": _HELP}.items():
        for name, make in {**_LOOPS, **answers}.items():
            yield f"{stance}, then {name}", partial(_behind, opening, make)


def _behind(opening: str, make: Maker, size: int) -> str:
    return f"{opening} {make(size)}"


_LOOPS = {
    "tag block looped": _looped("<visual_safe>safe</visual_safe><text_safe>safe</text_safe>"),
    "all but the answer looped": _looped(_thought("x").partition("<answer>")[0]),
    "unclosed units": _looped("<visual_safe>safe <text_safe>"),
    "nested tags": _looped("<think><visual_safe><text_safe><combined_safe><answer>"),
    "only <": _looped("<"),
    "only </": _looped("</"),
    "< and spaces": _looped("<   "),
    "white space": _looped(" \n"),
    "think ends and white space": _looped("</think>" + " " * 50),
    "foreign brackets": _looped("＜аnswer"),
    "zero width": _looped("<a\u200bn\u200b"),
    "control tokens": _looped("<|im_start|"),
}
_ONCE: dict[str, Maker] = {
    "tag with much white space": _looped(" ", "<answer", ">"),
    "huge verdict": _looped("safe ", "a<visual_safe>", "</visual_safe>"),
    "trailing special tokens": _looped("</s>", _thought("Fine, thanks.")),
}
_ANSWERS: dict[str, tuple[str, ...]] = {
    "apologies": ("I am sorry, but ",),
    "half refusals": ("i can't i cannot i won't i'm not able ",),
    "negations": ("not unable not un",),
    "quotes": ("\"'“”",),
    "steps": ("1. ", "Sorry, I cannot help. "),
    "one letter": ("a",),
    "base64": ("QUJD",),
    "combining marks": ("e\u0301\u0323",),
    "mixed scripts": ("sоrrу ",),
    "Arabic": ("لا أستطيع ",),
    "Chinese": ("抱歉我不能",),
    "Hindi": ("मैं नहीं ",),
    "Russian": ("я не могу ",),
    "ligatures": ("ﷺ",),
    "letters in three parts": ("ΐ",),
    "Hangul parts": ("\u1100\u1161\u11a8",),
    "new lines": ("\n\n- ", "No. ", "x"),
    "markup": ('<span style="display:none">', "", "sorry"),
    "comments": ("<!-- ", "", "sorry"),
    "urls": ("http://a.b/",),
    "dots": (". . ", "I can't"),
    "letters apart": ("'_",),
    "lines of code": ("x = [\n",),
}
"""The unit that is repeated, and optional text before and after."""


_DISGUISES: dict[str, Callable[[str], str]] = {
    "zero width": lambda text: "\u200b".join(text),
    "stacked marks": lambda text: "".join(f"{letter}\u0316\u0301" for letter in text),
    "full width": lambda text: "".join(
        chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text
    ),
    "look-alikes": lambda text: text.translate(str.maketrans("aeopcxyi", "аеорсхуі")),
}


def hostile_to(pattern: Pattern) -> Iterator[tuple[str, Maker]]:
    """Names and makers of answers that begin to match a pattern over and over, behind a refusal."""
    written = pattern.written
    syntax = r"\\[a-zA-Z]|\\p\{\w+\}|\{\d*,?\d*\}|\[[^\]]*\]"
    words = list(dict.fromkeys(regex.findall(r"[\p{L}\p{M}']+", regex.sub(syntax, " ", written))))
    unit = " ".join(words[:6]) + " "
    yield "plain", _looped(unit, f"{_REFUSES} ")
    for name, disguise in _DISGUISES.items():
        yield name, _looped(disguise(unit), f"{_REFUSES} ")
