"""The limits on what a request may hold, up to the last sample and character."""

from typing import Any

import pytest

from tests.app.local import post
from tests.app.serving import sample

LIMITS = {"max_samples": 2, "max_characters": 1000}


@pytest.mark.parametrize(
    "samples",
    [[sample()] * 2, [sample("x" * 1000)], [sample(prompt="x" * 1000)]],
    ids=["samples", "completion", "prompt"],
)
def test_a_batch_as_large_as_the_limits_is_scored(samples: list[dict[str, Any]]) -> None:
    assert len(post({"samples": samples}, **LIMITS).json()["rewards"]) == len(samples)


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        ([sample()] * 3, "the batch has 3 samples; at most 2 are taken"),
        ([sample("x" * 1001)], "samples[0].completion has 1001 characters; at most 1000 are taken"),
        (
            [sample(), sample(prompt="x" * 1001)],
            "samples[1].prompt has 1001 characters; at most 1000 are taken",
        ),
    ],
    ids=["samples", "completion", "prompt"],
)
def test_a_batch_larger_by_one_is_413_naming_what_is_too_large(
    samples: list[dict[str, Any]], says: str
) -> None:
    reply = post({"samples": samples}, **LIMITS)
    assert reply.status_code == 413
    assert reply.json()["error"] == says
