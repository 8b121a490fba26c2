"""A process goes on where it was: at its place in the data, with its generators."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from train_client.saved.process_state import process_state, restore_process, restore_rng, rng_state


def test_every_generator_comes_back() -> None:
    state = rng_state()
    first = (random.random(), float(np.random.rand()), float(torch.rand(())))
    restore_rng(state)
    assert first == (random.random(), float(np.random.rand()), float(torch.rand(())))


def test_the_generator_of_the_gpu_comes_back_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of this process alone, where there is one, for which a number stands in."""
    there = torch.tensor([1])
    restored: list[torch.Tensor] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda: there)
    monkeypatch.setattr(torch.cuda, "set_rng_state", restored.append)
    restore_rng(rng_state())
    assert restored == [there]


def drawn(sampler: torch.Generator) -> list[float]:
    return [float(torch.rand((), generator=generator)) for generator in (sampler, None)]


def test_a_process_goes_on_from_its_place_with_its_generators() -> None:
    feed: Any = SimpleNamespace(cursor=5)
    sampler = torch.Generator().manual_seed(1)
    saved = process_state(feed, sampler)
    first = drawn(sampler)
    feed.cursor = 0
    restore_process([saved], feed, sampler, seed=0, step=3)
    assert (feed.cursor, drawn(sampler)) == (5, first)


def test_another_kind_of_device_goes_on_at_its_place(caplog: pytest.LogCaptureFixture) -> None:
    """A GPU's generator has a state of 16 bytes, a CPU's of 5,056."""
    feed: Any = SimpleNamespace(cursor=0)
    sampler = torch.Generator()
    state = {"cursor": 5, "sampler": torch.zeros(16, dtype=torch.uint8)}
    restore_process([state], feed, sampler, seed=0, step=3)
    assert feed.cursor == 5
    assert sampler.initial_seed() != torch.Generator().initial_seed()
    assert "on another kind of device and goes on with cpu" in caplog.text


def test_another_number_of_processes_goes_on_with_the_next_prompts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    feed: Any = SimpleNamespace(cursor=0)
    sampler, found = torch.Generator(), []
    for step in (3, 4, 3):
        restore_process([{"cursor": 4}, {"cursor": 5}], feed, sampler, seed=0, step=step)
        found.append(float(torch.rand((), generator=sampler)))
    assert feed.cursor == 10
    assert found[0] == found[2] != found[1]
    assert "on 2 processes and goes on with 1" in caplog.text
