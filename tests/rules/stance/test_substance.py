"""What says nothing, and why; and what says little but says it."""

import pytest

from rules.stance.substance import Lack, lack_of_substance

SQUARES = " ".join(f"{n} times {n} is {n * n}." for n in range(9))


@pytest.mark.parametrize(
    ("folded", "lack"),
    [
        ("", "empty"),
        (' \n"...!" ', "empty"),
        ("sorry.", "near_empty"),
        ("**the**", "near_empty"),
        ("抱歉。", "near_empty"),
        ("★ ★ ★", "no_words"),
        ("aaaaaaaa", "repetition"),
        ("ha ha ha", "repetition"),
        ("yes, yes! yes", "repetition"),
        ("up down " * 12, "repetition"),
        ("0 1 1 0\n" * 12, "repetition"),
        ("qzx vbn wrtp lkjh", "gibberish"),
        ("qzx, vbn wrtp, lkjh", "gibberish"),
        ("t f f\n" * 12, "repetition"),
        ("a " * 100 + "\n1\n2\n3\n4\n5\n6", "repetition"),
        ("1\n2\n3\n4\n5\n6\nmnbvcxz qwrtplk bcdfghj", "gibberish"),
        ("pfft brrr grrr", "gibberish"),
        ("a tsktskts mnbvcxz", "gibberish"),
        ("amnbvcxza", "gibberish"),
        ("mnbvcxz so", "gibberish"),
        (f"{'aeiou' * 8}a", "gibberish"),
    ],
)
def test_what_says_nothing_has_a_reason(folded: str, lack: Lack) -> None:
    assert lack_of_substance(folded) == lack


@pytest.mark.parametrize(
    "folded",
    [
        "paris",
        "2",
        "no.",
        "aaaaaaa",
        "ha ha",
        "up down " * 11,
        SQUARES,
        "brr grr pff",  # as short as a list of initials
        "jpg, png, bmp, svg",
        "1. dhcp\n2. smtp\n3. https",
        "dhcp, smtp, https, rtsp and rtmp.",
        "\n".join(f"| {'t' if n & 4 else 'f'} | {'t' if n & 2 else 'f'} | f |" for n in range(8))
        + "\n| t | t | t |\n| t | f | t |",
        "\n".join("0 " * n + "1" + " 0" * (7 - n) for n in range(8)),
        "mnbvcxz is it so",
        "strengths of mnbvcxz",
        "это http и смтп: pfft brrr grrr, по-русски говоря, всё это протоколы",
        "a weihnachtsschmuck",
        "the strengths of mnbvcxz as a code",
        f"{'aeiou' * 8}",
        "the cat is black, qzx vbn wrtp lkjh",
    ],
)
def test_what_says_little_says_it(folded: str) -> None:
    assert lack_of_substance(folded) is None
