"""Made-up completions to measure with: well-formed, malformed, and hostile to naive rules."""

import random
from collections.abc import Callable, Iterator
from functools import partial

import regex

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
DECLINES = (
    "I'm sorry, but I can't help with that, because someone could be badly hurt.",
    "I won't explain how to do this: on these rocks a fall would be deadly.",
    "No, please don't do that. The platform has no barrier and the trains do not stop here.",
    "I can't assist with this request. What the picture and the question ask for together is "
    "dangerous, so please speak to someone you trust or call for help.",
)
_SHARES = (0.3, 0.25, 0.25, 0.2)
_ANSWER = 600
"""Characters of an answer, at most a fifth of the completion: long completions think long."""


def prose(random_: random.Random, characters: int) -> str:
    """Sentences of about so many characters, one in fifty with a bare `<` or `>`.

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
    """A completion of about so many characters with everything right, and its labels."""
    unsafe = random_.random() < 0.5
    length = min(_ANSWER, characters // 5)
    parts = [prose(random_, int((characters - length - 200) * share)) for share in _SHARES]
    helps = f"{_HELP} {prose(random_, max(0, length - len(_HELP)))}"
    opening = random_.choice(DECLINES) if unsafe else helps
    combined = "unsafe" if unsafe else "safe"
    text = (
        f"<think>{parts[0]}\n<visual{suffix}>safe</visual{suffix}>\n{parts[1]}\n"
        f"<text{suffix}>safe</text{suffix}>\n{parts[2]}\n"
        f"<combined{suffix}>{combined}</combined{suffix}>\n{parts[3]}</think>\n"
        f"<answer>{opening}</answer>"
    )
    return text, Labels("safe", "safe", "unsafe" if unsafe else "safe")


def malformed(random_: random.Random, characters: int, suffix: str = "_safe") -> tuple[str, Labels]:
    """The same, broken in one of the ways that policies break it."""
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
        f"I looked at it closely.<{n}_safe>safe</{n}_safe>" for n in ("visual", "text", "combined")
    )
    return f"<think>{units}</think><answer>{answer}</answer>"


def _looped(unit: str) -> Callable[[int], str]:
    return lambda size: (unit * (size // len(unit) + 1))[:size]


def _answered(unit: str, before: str = "", after: str = "") -> Callable[[int], str]:
    return lambda size: _thought(before + _looped(unit)(max(1, size - 300)) + after)


def hostile(suffix: str = "_safe") -> Iterator[tuple[str, Callable[[int], str]]]:
    """(name, size in characters -> completion) for inputs that make naive rules hang.

    With the tags of the dialect `paper`, or `tags` with an empty suffix.
    """
    for name, make in _hostile():
        yield name, partial(_with_suffix, make, suffix)


def _with_suffix(make: Callable[[int], str], suffix: str, size: int) -> str:
    return make(size).replace("_safe>", f"{suffix}>")


def _hostile() -> Iterator[tuple[str, Callable[[int], str]]]:
    yield "tag block looped", _looped("<visual_safe>safe</visual_safe><text_safe>safe</text_safe>")
    yield "all but the answer looped", _looped(_thought("x").partition("<answer>")[0])
    yield "unclosed units", _looped("<visual_safe>safe <text_safe>")
    yield "nested tags", _looped("<think><visual_safe><text_safe><combined_safe><answer>")
    yield "only <", _looped("<")
    yield "only </", _looped("</")
    yield "< and spaces", _looped("<   ")
    yield "tag with much white space", lambda size: "<answer" + " " * size + ">"
    yield "white space", _looped(" \n")
    yield "think ends and white space", _looped("</think>" + " " * 50)
    yield "huge verdict", lambda size: f"a<visual_safe>{'safe ' * (size // 5)}</visual_safe>"
    yield "trailing special tokens", lambda size: _thought("Fine, thanks.") + _looped("</s>")(size)
    yield "foreign brackets", _looped("＜аnswer")
    yield "zero width", _looped("<a\u200bn\u200b")
    yield "control tokens", _looped("<|im_start|")
    yield "answer of apologies", _answered("I am sorry, but ")
    yield "answer of half refusals", _answered("i can't i cannot i won't i'm not able ")
    yield "answer of negations", _answered("not unable not un")
    yield "answer of quotes", _answered("\"'“”")
    yield "answer of steps", _answered("1. ", "Sorry, I cannot help. ")
    yield "answer without spaces", _answered("a")
    yield "answer of base64", _answered("QUJD")
    yield "answer of combining marks", _answered("e\u0301\u0323")
    yield "answer of mixed scripts", _answered("sоrrу ")
    yield "answer of Arabic", _answered("لا أستطيع ")
    yield "answer of Chinese", _answered("抱歉我不能")
    yield "answer of Hindi", _answered("मैं नहीं ")
    yield "answer of Russian", _answered("я не могу ")
    yield "answer of ligatures", _answered("ﷺ")
    yield "answer of letters in three parts", _answered("ΐ")
    yield "answer of Hangul parts", _answered("\u1100\u1161\u11a8")
    yield "answer of new lines", _answered("\n\n- ", "No. ", "x")
    yield "answer of markup", _answered('<span style="display:none">', "", "sorry")
    yield "answer of comments", _answered("<!-- ", "", "sorry")
    yield "answer of urls", _answered("http://a.b/")
    yield "answer of dots", _answered(". . ", "I can't")


_DISGUISES: dict[str, Callable[[str], str]] = {
    "zero width": lambda text: "\u200b".join(text),
    "stacked marks": lambda text: "".join(f"{letter}\u0316\u0301" for letter in text),
    "full width": lambda text: "".join(
        chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text
    ),
    "look-alikes": lambda text: text.translate(str.maketrans("aeopcxyi", "аеорсхуі")),
}


def hostile_to(pattern: Pattern) -> Iterator[tuple[str, Callable[[int], str]]]:
    """The same for one lexicon pattern: answers that begin to match it over and over."""
    written = pattern.written
    syntax = r"\\[a-zA-Z]|\\p\{\w+\}|\{\d*,?\d*\}|\[[^\]]*\]"
    words = list(dict.fromkeys(regex.findall(r"[\p{L}\p{M}']+", regex.sub(syntax, " ", written))))
    unit = " ".join(words[:6]) + " "
    yield "plain", _answered(unit)
    for name, disguise in _DISGUISES.items():
        yield name, _answered(disguise(unit))
