"""verl: its reward loop worker and its legacy manager on real batches, and GDPO by name."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
import verl
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from verl import DataProto
from verl.experimental.reward_loop.reward_loop import RewardLoopWorker
from verl.trainer.ppo.core_algos import compute_gdpo_outcome_advantage
from verl.trainer.ppo.reward import get_custom_reward_fn
from verl.trainer.ppo.utils import need_critic, need_reference_policy
from verl.utils.config import validate_config
from verl.workers.reward_manager.batch import BatchRewardManager

from contracts.conftest import address
from contracts.recipes import arguments
from tests.app.protocols.services import UNSCORABLE
from tests.app.serving import LABELS_UNSAFE
from tests.rules.completions import REFUSAL, completion, unsafe
from train_client.reward.errors import RewardUnavailable
from train_client.world.policy import build_processor
from train_client.world.rules import load_rules

COMPLETIONS = [unsafe(), completion(REFUSAL, text="unsafe", combined="unsafe"), "no", unsafe()]
REWARDS = [1.0, 0.875, 0.0, 1.0]
KEYS = {"score", "format", "tag", "behavior", "raw_format", "raw_tag", "raw_behavior", "unscored"}


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return build_processor(load_rules()).tokenizer


def batch(tokenizer: Any, completions: list[str]) -> DataProto:
    """Rollouts as verl holds them: left-padded prompts, right-padded responses."""
    prompts = tokenizer(["May I?"] * len(completions), return_tensors="pt")
    ended = [text + tokenizer.eos_token for text in completions]
    answers = tokenizer(ended, return_tensors="pt", padding=True, padding_side="right")
    objects = {
        "data_source": ["safetag"] * len(completions),
        "reward_model": [{"ground_truth": json.dumps(LABELS_UNSAFE)} for _ in completions],
        "extra_info": [{"index": index} for index in range(len(completions))],
    }
    return DataProto.from_dict(
        tensors={
            "prompts": prompts["input_ids"],
            "responses": answers["input_ids"],
            "attention_mask": torch.cat([prompts["attention_mask"], answers["attention_mask"]], 1),
        },
        non_tensors={name: np.array(rows, dtype=object) for name, rows in objects.items()},
    )


def config(url: str, folder: Path, manager: str, name: str, **settings: Any) -> Any:
    reward = {
        "custom_reward_function": {
            "path": "pkg://train_client.integrations.for_verl",
            "name": name,
            "reward_kwargs": {"url": url, **settings},
        },
        "reward_manager": {"source": "register", "name": manager, "module": None},
        "reward_model": {"enable": False},
        "num_workers": 1,
    }
    model = {"path": str(folder), "tokenizer_path": None}
    return OmegaConf.create(
        {
            "reward": reward,
            "actor_rollout_ref": {"model": model},
            "trainer": {"experiment_name": "contract"},
        }
    )


def run(
    tokenizer: Any,
    completions: list[str],
    folder: Path,
    url: str,
    manager: str,
    name: str,
    **settings: Any,
) -> Any:
    tokenizer.save_pretrained(folder)

    async def work() -> list[dict[str, Any]]:
        worker = RewardLoopWorker(config(url, folder, manager, name, **settings))
        scored: list[dict[str, Any]] = await worker.compute_score_batch(
            batch(tokenizer, completions)
        )
        return scored

    return asyncio.run(work())


@pytest.mark.parametrize("manager", ["naive", "gdpo"])
@pytest.mark.parametrize("name", ["compute_score", "compute_score_blocking"])
def test_the_reward_loop_scores_a_batch_with_the_same_extra_keys_for_all(
    url: str, tokenizer: Any, tmp_path: Path, manager: str, name: str
) -> None:
    scored = run(tokenizer, COMPLETIONS, tmp_path, url, manager, name)
    assert [one["reward_score"] for one in scored] == REWARDS
    assert {frozenset(one["reward_extra_info"]) for one in scored} == {frozenset(KEYS)}
    assert [one["reward_extra_info"]["raw_format"] for one in scored] == [1.0, 1.0, 0.0, 1.0]


def test_gdpo_finds_the_components_by_name(url: str, tokenizer: Any, tmp_path: Path) -> None:
    scored = run(tokenizer, COMPLETIONS, tmp_path, url, "gdpo", "compute_score")
    data = batch(tokenizer, COMPLETIONS)
    mask = data.batch["attention_mask"][:, data.batch["prompts"].shape[1] :]
    extra = {key: np.array([one["reward_extra_info"][key] for one in scored]) for key in KEYS}
    advantages, _ = compute_gdpo_outcome_advantage(
        torch.zeros_like(mask, dtype=torch.float32),
        mask,
        np.array(["a"] * len(scored)),
        config=OmegaConf.create({"gdpo_reward_keys": ["tag", "behavior"]}),
        non_tensor_batch=extra,
        batch=data.batch,
    )
    assert advantages[0, 0] > advantages[1, 0] > advantages[2, 0]
    assert advantages[0, 0] > 0 > advantages[2, 0]


def test_the_legacy_batch_manager_gets_rewards_and_extra_keys(url: str, tokenizer: Any) -> None:
    function = get_custom_reward_fn(config(url, Path(), "batch", "compute_score_batch"))
    manager = BatchRewardManager(tokenizer, num_examine=0, compute_score=function)
    scored = manager(batch(tokenizer, COMPLETIONS), return_dict=True)
    assert scored["reward_tensor"].sum(dim=1).tolist() == REWARDS
    assert set(scored["reward_extra_info"]) == KEYS
    assert all(len(values) == len(COMPLETIONS) for values in scored["reward_extra_info"].values())


def test_what_could_not_be_scored_raises_unless_a_value_was_chosen(
    judgeless: httpx.Client, tokenizer: Any, tmp_path: Path
) -> None:
    arguments = (tokenizer, [UNSCORABLE], tmp_path, address(judgeless), "naive", "compute_score")
    with pytest.raises(RewardUnavailable):
        run(*arguments, profile="judged", deadline=2)
    (scored,) = run(*arguments, profile="judged", deadline=2, fallback=0.5)
    assert scored["reward_score"] == 0.5
    assert scored["reward_extra_info"]["unscored"] == 1.0


GDPO = (
    "algorithm.adv_estimator=gdpo",
    "+algorithm.gdpo_reward_keys=[tag,behavior]",
    "reward.reward_manager.name=gdpo",
)


@pytest.mark.parametrize("more", [(), GDPO])
def test_verl_accepts_the_recipes_configuration(tmp_path: Path, more: tuple[str, ...]) -> None:
    """As `main_ppo` composes and checks it, before it asks for GPUs."""
    given = arguments("verl_grpo.sh", tmp_path, *more)
    folder = Path(verl.__file__).parent / "trainer/config"
    with initialize_config_dir(str(folder), version_base=None):
        composed = compose("ppo_trainer", overrides=given)
    validate_config(composed, need_reference_policy(composed), need_critic(composed))
    assert get_custom_reward_fn(composed) is not None
