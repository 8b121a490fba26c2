"""Nothing hangs: time grows with the length of reasoning and prompt, whatever they are made of."""

import pytest

from rules.copying import is_echo
from rules.formatting import Format
from rules.profile import load_profile
from tests.rules.completions import REASONINGS, completion
from tests.rules.hostile import HOSTILE, SIZES, in_proportion, looped

SHIPPED = load_profile("safegrpo")
FORMAT = Format(SHIPPED.model_copy(update={"max_characters": None}))
TIMEOUT = 5.0


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_time_grows_in_proportion_to_hostile_reasoning(unit: str) -> None:
    short, long = (
        completion().replace("a scene", f"a cat on a mat {looped(unit, size)}") for size in SIZES
    )
    assert in_proportion(FORMAT.parse, short, long)


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_time_grows_in_proportion_to_one_hostile_reasoning_for_all(unit: str) -> None:
    short, long = (
        completion(reasonings=[f"A cat on a mat. {looped(unit, size)}"] * 3) for size in SIZES
    )
    assert in_proportion(FORMAT.parse, short, long)


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_time_grows_in_proportion_to_a_hostile_prompt(unit: str) -> None:
    """Which is copied in part as reasoning, and said once more as the answer."""
    short, long = (f"What is this cat, then? {looped(unit, size)}" for size in SIZES)

    def judge(prompt: str) -> None:
        copied = [REASONINGS[0], prompt[: len(prompt) // 2], REASONINGS[2]]
        FORMAT.parse(completion(reasonings=copied), prompt)
        is_echo(f"Good question! {prompt}", prompt, TIMEOUT)

    assert in_proportion(judge, short, long)
