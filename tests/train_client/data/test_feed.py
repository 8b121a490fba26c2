"""The order of prompts is a function of seed and cursor, and long prompts are counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from PIL import Image

from train_client.config.sections import DataConfig
from train_client.data.examples import Example
from train_client.data.feed import PromptFeed
from train_client.data.prompts import Prompts, encode_prompts
from train_client.data.sources import DataError
from train_client.policy.policy import Policy


@contextmanager
def feed(policy: Policy, examples: list[Example], **changes: Any) -> Iterator[PromptFeed]:
    own = {key: changes.pop(key) for key in ("repeat", "prompts_per_pass") if key in changes}
    config = DataConfig(**changes)
    made = PromptFeed(examples, policy.processor, config, instruction="", seed=3, **own)
    try:
        yield made
    finally:
        made.close()


def ids(batch: Any) -> list[str]:
    return [example.id for example in batch.examples]


def test_every_epoch_has_every_example_once(policy: Policy, examples: list[Example]) -> None:
    with feed(policy, examples) as prompts:
        seen = [name for _ in range(6) for name in ids(prompts.take(4))]
    epochs = [seen[start : start + 7] for start in (0, 7, 14)]
    assert all(sorted(epoch) == sorted(e.id for e in examples) for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_a_cursor_continues_where_it_was(policy: Policy, examples: list[Example]) -> None:
    with feed(policy, examples) as prompts:
        whole = [ids(prompts.take(3)) for _ in range(5)]
    with feed(policy, examples) as prompts:
        prompts.cursor = 6
        assert [ids(prompts.take(3)) for _ in range(3)] == whole[2:]


def test_the_next_batch_is_encoded_ahead_and_left_where_the_cursor_moves(
    policy: Policy, examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[str] = []

    def watched(processor: Any, some: Sequence[Example], *rest: Any) -> Prompts:
        encoded.extend(example.id for example in some)
        return encode_prompts(processor, some, *rest)

    monkeypatch.setattr("train_client.data.feed.encode_prompts", watched)
    with feed(policy, examples, shuffle=False) as prompts:
        assert ids(prompts.take(2)) == ["p0", "p1"]
        assert ids(prompts.take(2)) == ["p2", "p3"]
        assert encoded[:4] == ["p0", "p1", "p2", "p3"]
        prompts.cursor = 6
        assert ids(prompts.take(2)) == ["p6", "p0"]
        assert ids(prompts.take(1)) == ["p1"]
    assert encoded[:8] == ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p0"]


def test_without_examples_there_is_nothing_to_take(policy: Policy) -> None:
    with pytest.raises(DataError, match="no training examples"), feed(policy, []):
        pass


def test_without_shuffling_the_order_is_the_files(policy: Policy, examples: list[Example]) -> None:
    with feed(policy, examples, shuffle=False) as prompts:
        assert ids(prompts.take(9)) == ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p0", "p1"]


def test_long_prompts_are_passed_over_and_counted(
    policy: Policy, examples: list[Example], caplog: pytest.LogCaptureFixture
) -> None:
    with feed(policy, examples, shuffle=False, max_prompt_tokens=9) as prompts:
        batch = prompts.take(2)
        prompts.take(2)
    told = [line for line in caplog.messages if "is left out, as all" in line]
    assert len(told) == 1
    assert "data.max_pixels" in told[0]
    assert ids(batch) == ["p0", "p3"]
    assert batch.too_long == 2
    assert batch.cursor == 4
    assert batch.parts[0].inputs["attention_mask"].sum(1).max() <= 9


def test_long_prompts_may_be_an_error(policy: Policy, examples: list[Example]) -> None:
    options: dict[str, Any] = {"max_prompt_tokens": 9, "long_prompts": "error"}
    with (
        feed(policy, examples, **options) as prompts,
        pytest.raises(DataError, match=r"The prompt p\d has \d+ tokens, over 9"),
    ):
        prompts.take(7)


def test_no_prompt_short_enough_is_an_error(policy: Policy, examples: list[Example]) -> None:
    with (
        feed(policy, examples, max_prompt_tokens=2) as prompts,
        pytest.raises(DataError, match=r"No training prompt .* has \d+ tokens, over 2;"),
    ):
        prompts.take(2)


def test_prompts_that_the_processor_refuses_are_passed_over_and_told(
    policy: Policy, examples: list[Example], caplog: pytest.LogCaptureFixture
) -> None:
    line = Image.new("RGB", (600, 1))
    examples[1] = replace(examples[1], pictures=(line,))
    with feed(policy, examples, shuffle=False, bad_rows="drop") as prompts:
        batch = prompts.take(3)
    assert ids(batch) == ["p0", "p2", "p3"]
    assert (batch.too_long, batch.cursor) == (0, 4)
    assert len(batch.parts[0].inputs["input_ids"]) == 3
    assert "refuses the prompt p1: absolute aspect ratio" in caplog.text
    with feed(policy, examples, shuffle=False) as prompts:
        assert ids(prompts.take(1)) == ["p0"]
        with pytest.raises(DataError, match=r"the prompt p1: .*set data\.bad_rows=drop"):
            prompts.take(1)


def test_prompts_are_repeated_for_models_that_cannot_fork(
    policy: Policy, examples: list[Example]
) -> None:
    with feed(policy, examples, repeat=3) as prompts:
        (taken,) = prompts.take(2).parts
    rows = taken.inputs["input_ids"]
    assert len(rows) == len(taken.texts) == len(taken.images) == 6
    assert torch.equal(rows[0], rows[2])
    assert not torch.equal(rows[2], rows[3])


@pytest.mark.parametrize("repeat", [1, 2])
def test_prompts_come_in_parts_that_can_be_sampled_at_once(
    policy: Policy, examples: list[Example], repeat: int
) -> None:
    with feed(policy, examples, repeat=repeat) as prompts:
        (whole,) = prompts.take(5).parts
    with feed(policy, examples, repeat=repeat, prompts_per_pass=2) as prompts:
        parts = prompts.take(5).parts
    assert [len(part.inputs["input_ids"]) for part in parts] == [2 * repeat, 2 * repeat, repeat]
    assert [text for part in parts for text in part.texts] == whole.texts


def test_prompts_are_made_with_the_chat_templates_settings(
    policy: Policy, examples: list[Example]
) -> None:
    policy.processor.chat_template = "{{ mood }}"
    plain = [example for example in examples if not example.pictures]
    with feed(policy, plain, chat_template_kwargs={"mood": "calm"}) as prompts:
        (taken,) = prompts.take(2).parts
    assert taken.texts == ["calm", "calm"]
