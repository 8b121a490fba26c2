"""Nothing hangs: time grows with the length of the reasoning, whatever it is made of."""

import pytest

from rules.formatting import Format
from rules.profile import load_profile
from tests.rules.completions import completion
from tests.rules.hostile import HOSTILE, SIZES, in_proportion, looped

SHIPPED = load_profile("safegrpo")
FORMAT = Format(SHIPPED.model_copy(update={"max_characters": None}))


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_time_grows_in_proportion_to_hostile_reasoning(unit: str) -> None:
    short, long = (
        completion().replace("a scene", f"a cat on a mat {looped(unit, size)}") for size in SIZES
    )
    assert in_proportion(FORMAT.parse, short, long)
