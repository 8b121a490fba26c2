"""Tiny updates of bfloat16 weights are not lost, and the schedules are what they say."""

from __future__ import annotations

import copy
import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from train_client.config.errors import ConfigError
from train_client.config.sections import OptimizerConfig
from train_client.learning.optimizer import MasterAdamW, learning_rate, step_rates


class Model(torch.nn.Module):
    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.full((4, 4), 0.5, dtype=dtype))
        self.gain = torch.nn.Parameter(torch.ones(4, dtype=dtype))


def optimizer(model: Any, **changes: Any) -> MasterAdamW:
    return MasterAdamW(model, OptimizerConfig(**{"lr": 1e-6, **changes}))


def push(model: Model, size: float = 1.0) -> None:
    """A backward pass that leaves the gradient `size` everywhere."""
    (size * (model.weight.sum() + model.gain.sum())).backward()


def saved(optimizer: MasterAdamW) -> dict[str, Any]:
    """The state as a file has it: sharing no tensor with the optimizer that goes on."""
    return copy.deepcopy(optimizer.state_dict())


def test_updates_of_1e_6_are_not_lost_in_bfloat16() -> None:
    """One is a 1/2000 of half a bfloat16 step at 0.5; 2,000 of them must move the weight."""
    kept, plain = Model(torch.bfloat16), Model(torch.bfloat16)
    masters, naive = optimizer(kept), torch.optim.AdamW(plain.parameters(), lr=1e-6)
    for _ in range(2000):
        push(kept)
        masters.step(1e-6)
        push(plain)
        naive.step()
    assert plain.weight.eq(0.5).all()
    assert kept.weight[0, 0].item() == pytest.approx(0.498, abs=0.001)


def test_gradients_of_many_passes_add_up_in_float32() -> None:
    """1 + 512 / 512 in each of 16 places; bfloat16 would drop every 1/512 beside the 1."""
    model = Model(torch.bfloat16)
    masters = optimizer(model)
    for share in (1.0, *[2.0**-9] * 512):
        (model.weight * share).sum().backward()
    assert model.weight.grad is None
    assert masters.step(1e-6) == pytest.approx(4 * 2.0)


def test_float32_weights_are_their_own_masters() -> None:
    model, twin = Model(torch.float32), Model(torch.float32)
    own = optimizer(model, max_grad_norm=1e9, betas=(0.5, 0.6))
    plain = torch.optim.AdamW(twin.parameters(), lr=1e-3, betas=(0.5, 0.6), weight_decay=0.0)
    for size in (1.0, 3.0, -0.5):
        push(model, size)
        own.step(1e-3)
        push(twin, size)
        plain.step()
        plain.zero_grad()
    assert torch.equal(model.weight, twin.weight)
    assert own.state_dict()["masters"] == [None, None]


def test_a_model_without_a_weight_to_train_is_refused() -> None:
    """Such as one loaded with an adapter, which peft freezes."""
    model = Model(torch.float32)
    model.requires_grad_(False)
    with pytest.raises(ConfigError, match=r"policy\.path is an adapter, which is loaded frozen"):
        optimizer(model)


def test_gains_do_not_decay() -> None:
    model = Model(torch.float32)
    decaying = optimizer(model, weight_decay=0.5)
    model.weight.grad, model.gain.grad = torch.zeros(4, 4), torch.zeros(4)
    decaying.step(0.1)
    assert (model.weight < 0.5).all()
    assert model.gain.eq(1).all()


def test_gradients_are_clipped_together_and_their_norm_is_reported_before() -> None:
    """An eps of 1 makes Adam's first step g / (|g| + 1): the clipped gradient shows in it."""
    model = Model(torch.float32)
    push(model)
    norm = optimizer(model, max_grad_norm=0.1, eps=1.0).step(1.0)
    assert norm == pytest.approx(20**0.5)
    clipped = 0.1 / norm
    expected = clipped / (clipped + 1)
    assert model.weight.detach().numpy() == pytest.approx(0.5 - expected, rel=1e-4)
    assert model.gain.detach().numpy() == pytest.approx(1 - expected, rel=1e-4)


def test_a_gradient_that_is_not_finite_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    model = Model(torch.float32)
    push(model)
    assert model.weight.grad is not None
    model.weight.grad[0, 0] = torch.nan
    optimizer(model).step(0.1)
    assert model.weight.eq(0.5).all()
    assert model.weight.grad is None
    assert "not finite" in caplog.text


def test_state_goes_round_bit_for_bit() -> None:
    model = Model(torch.bfloat16)
    first = optimizer(model)
    push(model)
    first.step(1e-6)
    twin = Model(torch.bfloat16)
    twin.load_state_dict(model.state_dict())
    second = optimizer(twin)
    second.load_state_dict(saved(first))
    for one, other in ((model, first), (twin, second)):
        push(one, 0.2)  # steps of equal gradients are as long whatever Adam remembers
        other.step(1e-3)
    assert torch.equal(model.weight, twin.weight)
    assert torch.equal(first.state_dict()["masters"][0], second.state_dict()["masters"][0])


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's list of mapped files")
def test_a_file_that_was_loaded_can_be_deleted_for_good(tmp_path: Path) -> None:
    """A mapped file keeps its place on the disk until nothing of it is in use any more."""
    model = Model(torch.bfloat16)
    first, second = optimizer(model), optimizer(Model(torch.bfloat16))
    push(model)
    first.step(0.1)
    torch.save(first.state_dict(), tmp_path / "state")
    state = torch.load(tmp_path / "state", mmap=True)
    second.load_state_dict(state)
    assert str(tmp_path) in Path("/proc/self/maps").read_text()
    del state
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()


def test_a_run_may_go_on_with_another_weight_decay() -> None:
    trained, twin = Model(torch.float32), Model(torch.float32)
    before = optimizer(trained)
    push(trained)
    before.step(0.1)
    twin.load_state_dict(trained.state_dict())
    after = optimizer(twin, weight_decay=0.5)
    after.load_state_dict(saved(before))
    for one, other in ((trained, before), (twin, after)):
        push(one)
        other.step(0.1)
    decayed = (trained.weight - twin.weight).abs().max()
    assert decayed > 0.01


def test_a_run_may_go_on_in_another_precision() -> None:
    trained = Model(torch.float32)
    before = optimizer(trained)
    for _ in range(3):
        push(trained)
        before.step(0.1)
    rounded = Model(torch.bfloat16)
    after = optimizer(rounded)
    rounded.load_state_dict(trained.state_dict())
    after.load_state_dict(saved(before))
    for one, other in ((trained, before), (rounded, after)):
        push(one, 0.2)
        other.step(0.1)
    assert rounded.weight[0, 0].item() == pytest.approx(trained.weight[0, 0].item(), abs=4e-3)


def test_a_step_goes_on_in_the_schedule_where_the_one_before_ended() -> None:
    config = OptimizerConfig(warmup_steps=3, schedule="cosine")
    found = [rate for step in range(4) for rate in step_rates(config, step, 4, updates=2)]
    assert found == [learning_rate(config, update, 8) for update in range(8)]


def test_schedules() -> None:
    config = OptimizerConfig(lr=1.0, warmup_steps=4, schedule="cosine")
    rates = [learning_rate(config, update, 12) for update in range(12)]
    assert rates[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert [rates[6], rates[8]] == pytest.approx([math.cos(math.pi / 8) ** 2, 0.5])
    assert rates == sorted(rates[:4]) + sorted(rates[4:], reverse=True)
    linear = OptimizerConfig(lr=1.0, schedule="linear")
    assert learning_rate(linear, 3, 12) == 0.75
    assert learning_rate(OptimizerConfig(lr=1.0), 11, 12) == 1.0
