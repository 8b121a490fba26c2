"""The drawn world's rules and its untrained policy, made once."""

from __future__ import annotations

import re

import pytest

from train_client.policy.policy import Policy
from train_client.world.policy import build_model, build_processor
from train_client.world.rules import Rules, load_rules
from train_client.world.split import Pair


@pytest.fixture(scope="session")
def rules() -> Rules:
    return load_rules()


@pytest.fixture(scope="session")
def untrained(rules: Rules) -> Policy:
    """Not to be trained: every test of the session shares it."""
    processor = build_processor(rules)
    return Policy(build_model(processor.tokenizer, seed=0).eval(), processor)


def pair_of(example: str) -> Pair:
    """The (object, instruction) that the id of a drawn example names."""
    found = re.fullmatch(r"(.+)-\d-\d+/(.+)-\d+", example)
    assert found is not None
    return found[1], found[2]
