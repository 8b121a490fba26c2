"""Prompts that cannot be used are found before a policy is given them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest
from PIL import Image

from train_client.config.sections import DataConfig
from train_client.data.examples import Example
from train_client.data.prompts import Prompts, encode_prompts
from train_client.data.screening import screened, screened_rows
from train_client.data.sources import DataError
from train_client.policy.policy import Policy

DROP = DataConfig(bad_rows="drop", max_prompt_tokens=9)


@pytest.fixture
def rows(examples: list[Example]) -> list[Example]:
    """p1 is refused; of the others only p0 and p3 have at most nine tokens."""
    examples[1] = replace(examples[1], pictures=(Image.new("RGB", (600, 1)),))
    return examples


def test_what_is_refused_and_what_is_too_long_is_left_out_and_named(
    policy: Policy, rows: list[Example]
) -> None:
    found = screened(partial(encode_prompts, policy.processor), rows, DROP)
    assert [example.id for example in found.examples] == ["p0", "p3"]
    assert found.prompts is None
    (refused,) = found.refused
    assert refused.startswith("The processor refuses the prompt p1: absolute aspect ratio")
    assert [sentence.split()[2] for sentence in found.too_long] == ["p2", "p4", "p5", "p6"]


def test_good_prompts_come_encoded_up_to_the_limit(policy: Policy, rows: list[Example]) -> None:
    encode = partial(encode_prompts, policy.processor)
    good = [rows[0], rows[3]]
    just = DROP.model_copy(update={"max_prompt_tokens": len(rows[3].instruction)})
    found = screened(encode, good, just)
    assert found.prompts is not None
    assert found.prompts.texts == encode(good).texts
    assert screened_rows("held-out rows", encode, good, just) == good


def test_prompts_that_are_taken_only_one_by_one_are_named(
    policy: Policy, rows: list[Example]
) -> None:
    def encode(some: Sequence[Example]) -> Prompts:
        if len(some) > 1:
            raise ValueError("of one kind, please")
        return encode_prompts(policy.processor, some)

    with pytest.raises(DataError, match="one by one, but not in one batch: of one kind, please"):
        screened(encode, [rows[0], rows[3]], DROP)


def test_rows_are_screened_with_one_word_about_the_others(
    policy: Policy, rows: list[Example], caplog: pytest.LogCaptureFixture
) -> None:
    encode = partial(encode_prompts, policy.processor)
    kept = screened_rows("held-out rows", encode, rows, DROP)
    assert [example.id for example in kept] == ["p0", "p3"]
    (told,) = caplog.records
    assert "5 of 7 held-out rows are left out. The first: The processor" in told.getMessage()
    with pytest.raises(DataError, match=r"None of the 1 held-out rows .*p2 has \d+ tokens, over 9"):
        screened_rows("held-out rows", encode, rows[2:3], DROP)
    strict = DROP.model_copy(update={"long_prompts": "error"})
    with pytest.raises(DataError, match="over 9"):
        screened_rows("held-out rows", encode, rows, strict)
