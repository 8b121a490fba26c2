"""The losses are TRL's: same log-probs, same advantages, same mask, TRL's own code beside ours."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from trl.trainer.grpo_trainer import GRPOTrainer

from tests.train_client.learning.test_losses import LONGEST, ROWS, batch, configured, whole
from train_client.config.sections import AlgorithmConfig, Loss

LOW, HIGH = 0.1, 0.25


class Alone:
    """What the loss asks of an accelerator, for one process; it is used for the metrics only."""

    num_processes = 1

    def gather(self, value: Tensor) -> Tensor:
        return value

    def reduce(self, value: Tensor, reduction: str) -> Tensor:
        return value


def trl_loss(config: AlgorithmConfig, data: dict[str, Tensor]) -> Tensor:
    """The loss of one batch by `GRPOTrainer._compute_loss`, given the log-probs of its model."""
    kind = "grpo" if config.loss == "gspo" else config.loss
    trainer: Any = SimpleNamespace(
        _get_per_token_logps_and_entropies=lambda *_, **__: (
            data["logprobs_RT"],
            torch.zeros_like(data["old_RT"]),
            None,
        ),
        _entropy_bonus_enabled=False,
        _metrics={"train": _Anything()},
        accelerator=Alone(),
        args=SimpleNamespace(
            delta=config.dual_clip, steps_per_generation=1, use_bias_correction_kl=False
        ),
        aux_loss_enabled=False,
        beta=config.beta,
        current_gradient_accumulation_steps=1,
        epsilon_low=config.clip_low,
        # TRL's cap of the cispo ratio is epsilon_high itself, ours 1 + clip_high.
        epsilon_high=config.clip_high + (kind == "cispo"),
        importance_sampling_level="sequence" if config.loss == "gspo" else "token",
        loss_type=kind,
        max_completion_length=LONGEST,
        model=SimpleNamespace(training=True),
        off_policy_mask_threshold=None,
        top_entropy_quantile=1.0,
        use_vllm=config.importance_cap is not None,
        vllm_importance_sampling_correction=True,
    )
    mask = data["mask_RT"].long()
    inputs = {
        "prompt_ids": torch.ones(len(mask), 3, dtype=torch.long),
        "prompt_mask": torch.ones(len(mask), 3, dtype=torch.long),
        "completion_ids": torch.ones_like(mask),
        "completion_mask": mask,
        "advantages": data["advantages_R"],
        "old_per_token_logps": data["old_RT"],
        "ref_per_token_logps": data["reference_RT"],
        "num_items_in_batch": mask.sum(),
    }
    if config.importance_cap is not None:
        gap = data["old_RT"] - data["sampler_RT"]
        inputs["importance_sampling_ratio"] = gap.exp().clamp(max=config.importance_cap)
    loss: Tensor = GRPOTrainer._compute_loss(trainer, None, inputs)
    return loss


class _Anything(dict[str, list[float]]):
    def __missing__(self, key: str) -> list[float]:
        return self.setdefault(key, [])


@pytest.mark.parametrize(
    "changes",
    [{}, {"beta": 0.3}, {"dual_clip": 1.3}, {"importance_cap": 1.05}],
    ids=["plain", "kl", "dual clip", "importance correction"],
)
@pytest.mark.parametrize("kind", ["grpo", "dr_grpo", "dapo", "bnpo", "gspo", "cispo"])
@pytest.mark.parametrize("lost", [[], [1, 3]], ids=["whole", "rows left out"])
def test_loss_and_gradient_are_trls(kind: Loss, changes: dict[str, float], lost: list[int]) -> None:
    config, data = configured(kind, clip_low=LOW, clip_high=HIGH, **changes), batch()
    data["mask_RT"][lost] = False
    theirs = trl_loss(config, data)
    if kind in ("grpo", "gspo"):
        # TRL's mean over completions counts those that are left out, as losses of 0.
        theirs = theirs * ROWS / (ROWS - len(lost))
    (their_gradient,) = torch.autograd.grad(theirs, data["logprobs_RT"])
    ours = whole(config, data).loss
    (our_gradient,) = torch.autograd.grad(ours, data["logprobs_RT"])
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)
    assert torch.allclose(our_gradient, their_gradient, rtol=1e-5, atol=1e-8)
    assert their_gradient.abs().max() > 0
