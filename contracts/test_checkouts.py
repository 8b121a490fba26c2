"""Trainers that no package index has: EasyR1, slime and NeMo-RL, from checkouts of their sources.

    make contracts EASYR1=../EasyR1 SLIME=../slime NEMO_RL=../RL

Without a checkout its tests are not run, and pytest says so by name.
"""

import ast
import asyncio
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest

import train_client.integrations
from tests.app.protocols.rollouts import message, row
from tests.app.serving import LABELS_UNSAFE
from tests.rules.completions import REFUSAL, completion, unsafe

COMPLETIONS = [unsafe(), completion(REFUSAL, text="unsafe", combined="unsafe"), "no"]
REWARDS = [1.0, 0.875, 0.0]


def checkout(variable: str) -> Path:
    given = os.environ.get(variable)
    if not given:
        pytest.skip(f"no checkout given: make contracts {variable}=FOLDER")
    return Path(given).resolve()


@contextmanager
def importing(folder: Path, package: str) -> Iterator[None]:
    """`package` comes from the checkout, whatever else is installed under its name."""
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if _of(name, package)}
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if _of(name, package)]:
            del sys.modules[name]
        sys.modules.update(hidden)


def _of(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def test_easyr1_loads_the_function_and_scores_a_batch(url: str) -> None:
    """EasyR1 is a fork of verl under verl's name."""
    import torch

    from train_client.world.policy import build_processor
    from train_client.world.rules import load_rules

    tokenizer = build_processor(load_rules()).tokenizer
    with importing(checkout("EASYR1"), "verl"):
        from verl.protocol import DataProto
        from verl.workers.reward.config import RewardConfig
        from verl.workers.reward.function import AutoRewardManager

        ours = Path(train_client.integrations.__path__[0]) / "for_easyr1.py"
        config = RewardConfig(reward_function=f"{ours}:main", reward_function_kwargs={"url": url})
        config.post_init()
        manager = AutoRewardManager(config, tokenizer)
        ended = [text + tokenizer.eos_token for text in COMPLETIONS]
        encoded = tokenizer(ended, return_tensors="pt", padding=True, padding_side="right")
        labels = np.array([json.dumps(LABELS_UNSAFE)] * len(COMPLETIONS), dtype=object)
        data = DataProto.from_dict(
            tensors={
                "responses": encoded["input_ids"],
                "response_mask": encoded["attention_mask"],
            },
            non_tensors={"ground_truth": labels},
        )
        rewards, metrics = manager.compute_reward(data)
    assert isinstance(rewards, torch.Tensor)
    assert rewards.sum(dim=1).tolist() == REWARDS
    assert metrics["overall"] == REWARDS
    assert metrics["raw_format"] == [1.0, 1.0, 0.0]


@pytest.mark.parametrize("in_address", [False, True])
def test_slimes_remote_rm_gets_an_object_with_the_reward_key(
    url: str, keyed: str, in_address: bool
) -> None:
    """With key, profile and run in the address too."""
    address = keyed % "/slime" if in_address else f"{url}/slime"
    with importing(checkout("SLIME"), "slime"):
        from slime.rollout.rm_hub import batched_async_rm
        from slime.utils.types import Sample

        samples = [
            Sample(prompt="May I?", response=text, label=json.dumps(LABELS_UNSAFE))
            for text in COMPLETIONS
        ]
        arguments = SimpleNamespace(
            rm_url=address, rm_type="remote_rm", custom_rm_path=None, reward_key="reward"
        )
        replies = asyncio.run(batched_async_rm(arguments, samples))
        for sample, reply in zip(samples, replies, strict=True):
            sample.reward = reply
        assert [sample.get_reward_value(arguments) for sample in samples] == REWARDS


def test_nemo_rls_rule_that_components_sum_up_holds(service: httpx.Client) -> None:
    source = checkout("NEMO_RL") / "nemo_rl/environments/nemo_gym.py"
    theirs = _functions(
        source, "extract_reward_components", "validate_reward_components_match_scalar"
    )
    replies = [service.post("/verify", json=row(message(text))).json() for text in COMPLETIONS]
    theirs.validate_reward_components_match_scalar(replies)
    with pytest.raises(ValueError, match="reward_components sum to"):
        theirs.validate_reward_components_match_scalar([{**replies[0], "reward": 0.5}])


def _functions(source: Path, *names: str) -> Any:
    """Functions of a module whose imports need a GPU's packages, as they stand in its source."""
    tree = ast.parse(source.read_text())
    tree.body = [
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in names
    ]
    module = ModuleType("nemo_rl_functions")
    exec("import math\nfrom typing import Dict, List\n" + ast.unparse(tree), module.__dict__)
    return module
