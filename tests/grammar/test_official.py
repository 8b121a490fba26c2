"""The official structure equals the public code's patterns on every input."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar import SECTION_NAMES, OfficialParser, ParsedCompletion, SectionName

PARSER = OfficialParser()
_VERDICT = r"<{0}_safe>(safe|unsafe)</{0}_safe>"
_FORMAT = re.compile(
    r".*?".join(["", *(_VERDICT.format(name) for name in SECTION_NAMES), r"</think>\s*<answer>"])
    + r".*?</answer>$",
    re.DOTALL | re.IGNORECASE,
)


def oracle(text: str) -> tuple[bool, dict[SectionName, str | None], str | None]:
    """(has the format, first verdicts, first answer) by backtracking patterns, slow and plain."""
    firsts = {n: re.search(_VERDICT.format(n), text, re.IGNORECASE) for n in SECTION_NAMES}
    verdicts = {name: match[1].lower() if match else None for name, match in firsts.items()}
    answer = re.search(r"<answer>(.*?)</answer>", text, re.DOTALL | re.IGNORECASE)
    return bool(_FORMAT.fullmatch(text.strip())), verdicts, answer[1] if answer else None


PIECES = [
    *(f"<{n}_safe>{v}</{n}_safe>" for n in SECTION_NAMES for v in ("safe", "UNSAFE", "maybe")),
    "<VISUAL_SAFE>safe</visual_safe>",
    "<viſual_safe>safe</visual_safe>",
    "<text_safe>ſafe</text_safe>",
    "<vİsual_safe>unsafe</visual_safe>",
    "<thinK>",
    "</thinK>",
    "<think>",
    "</think>",
    "<answer>",
    "</answer>",
    "</ANSWER>",
    "sorry",
    " ",
    "\n",
    "\u2003",
    "\x1c",
    "x",
]
TYPICAL = [p for p in PIECES if "maybe" not in p]


NOISE = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)
USUAL = [
    *(st.sampled_from([f"<{n}_safe>{v}</{n}_safe>" for v in ("safe", "Unsafe")])
      for n in SECTION_NAMES),
    st.sampled_from(["</think>\n<answer>", "</think><ANSWER>"]),
    st.just("</answer>"),
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_any_mixture_of_pieces_reads_as_the_patterns_read_it(text: str) -> None:
    _assert_equal(text)


@given(st.tuples(*(part for piece in USUAL for part in (NOISE, piece))).map("".join))
def test_a_structure_with_any_pieces_between_reads_as_the_patterns_read_it(text: str) -> None:
    _assert_equal(text)


@given(
    st.lists(st.sampled_from(TYPICAL), max_size=3).map("".join),
    st.lists(st.sampled_from(TYPICAL), max_size=3).map("".join),
    st.lists(st.sampled_from(TYPICAL), max_size=3).map("".join),
)
def test_noise_around_a_full_structure_reads_as_the_patterns_read_it(
    before: str, between: str, after: str
) -> None:
    _assert_equal(
        f"{before}<visual_safe>safe</visual_safe>{between}<text_safe>safe</text_safe>{between}"
        f"<combined_safe>unsafe</combined_safe>{after}</think>\n<answer>{after}</answer>{before}"
    )


def _assert_equal(text: str) -> None:
    has_format, verdicts, answer = oracle(text)
    result = PARSER.parse(text)
    assert isinstance(result, ParsedCompletion) == has_format
    reading = result if isinstance(result, ParsedCompletion) else result.lenient
    assert reading is not None
    known = tuple(v if v in ("safe", "unsafe") else None for v in verdicts.values())
    assert reading.verdicts == known
    assert (reading.answer.of(text) if reading.answer else None) == answer


@pytest.mark.parametrize(
    ("text", "code", "stands"),
    [
        ("", "missing_section", 0 / 5),
        ("<visual_safe>safe</visual_safe>", "missing_section", 1 / 5),
        (
            "<visual_safe>safe</visual_safe><text_safe>safe</text_safe>"
            "<combined_safe>safe</combined_safe>",
            "missing_answer",
            3 / 5,
        ),
        (
            "<visual_safe>safe</visual_safe><text_safe>safe</text_safe>"
            "<combined_safe>safe</combined_safe></think><answer>x</answer> y",
            "trailing_text",
            4 / 5,
        ),
        (
            "<visual_safe>safe</visual_safe><text_safe>safe</text_safe>"
            "<combined_safe>safe</combined_safe></think><answer>x",
            "unclosed_tag",
            4 / 5,
        ),
    ],
)
def test_a_failure_names_the_piece_that_is_missing(text: str, code: str, stands: float) -> None:
    result = PARSER.parse(text)
    assert not isinstance(result, ParsedCompletion)
    assert result.code == code
    assert result.standing == stands


@pytest.mark.parametrize("lines", [0, 1, 30, 31, 32, 33, 100])
def test_a_failure_names_its_line_and_column(lines: int) -> None:
    result = PARSER.parse("ab\n" * lines + "<visual_safe>safe</visual_safe>")
    assert not isinstance(result, ParsedCompletion)
    assert (result.line, result.column) == (lines + 1, len("<visual_safe>safe</visual_safe>") + 1)
