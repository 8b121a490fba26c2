"""Parts of a training step on a GPU, compared with a plain baseline and the device's ceilings."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

import torch

from benchmarks.trainer_shapes import Shape, examples
from train_client.config.sections import PolicyConfig
from train_client.data.prompts import encode_prompts
from train_client.policy.passes import Pass, pass_logprobs
from train_client.policy.policy import Policy, load_policy, to_device
from train_client.policy.recompute import recomputed
from train_client.rollout.rollout import LocalEngine
from train_client.rollout.sampling import Sampling

ROUNDS = 3


def gpu_parts(shape: Shape, folder: Path) -> None:
    """Ceilings, decoding with and without graphs, the policy's pass forked and duplicated."""
    config = PolicyConfig(path=str(folder), device="cuda", dtype="bfloat16")
    policy = load_policy(config, reference=False)
    copied, multiplied = _copy_ceiling(), _matmul_ceiling()
    print(f"ceilings: copy {copied / 1e12:.2f} TB/s, matmul {multiplied / 1e12:.0f} TFLOP/s")
    _decoding(policy, shape, copied)
    _passes(policy, shape, multiplied)
    del policy
    torch.cuda.empty_cache()


def _seconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    times = []
    for _ in range(rounds + 1):
        torch.cuda.synchronize()
        started = time.perf_counter()
        work()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def _copy_ceiling() -> float:
    """Bytes a second, read and written together."""
    source = torch.empty(2**31, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return 2 * source.numel() / _seconds(lambda: target.copy_(source))


def _matmul_ceiling() -> float:
    """bfloat16 operations a second."""
    size = 8192
    square = torch.randn(size, size, dtype=torch.bfloat16, device="cuda")
    return float(2 * size**3 / _seconds(lambda: square @ square))


def _decoding(policy: Policy, shape: Shape, ceiling: float) -> None:
    chosen = examples(shape)[: shape.prompts]
    prompts = encode_prompts(policy.processor, chosen).to(policy.device)
    print(f"prompts of {prompts.inputs['input_ids'].shape[1]} tokens")
    sampling = Sampling(max_tokens=shape.completion)
    weights = sum(p.numel() * p.element_size() for p in policy.model.parameters())
    seconds_of = {}
    for name, graphs in (("eager", False), ("graphed", True)):
        engine = LocalEngine(policy.model, (-1,), policy.pad_id, graphs=graphs)
        generated = partial(engine.generate, prompts, shape.group, sampling, None)
        seconds_of[name] = _seconds(generated)
    for name, seconds in seconds_of.items():
        # Every token reads all weights at least once; keys and values come on top.
        share = weights * shape.completion / seconds / (ceiling / 2)
        rate = shape.prompts * shape.group * shape.completion / seconds
        ratio = seconds_of["eager"] / seconds
        print(
            f"decode, {name:<8} {rate:>9,.0f} tokens/s  x{ratio:.2f}  weights read at {share:.0%}"
            " of the copy ceiling"
        )


def _passes(policy: Policy, shape: Shape, ceiling: float) -> None:
    example = list(examples(shape)[:1])
    length, group = shape.completion, shape.group
    tokens = torch.randint(10, 500, (group, length), device=policy.device)
    lengths = torch.full((group,), length, device=policy.device)
    rows = torch.arange(group, device=policy.device)
    parameters = sum(p.numel() for p in policy.model.model.language_model.parameters())
    seconds_of = {}
    ways: dict[str, tuple[bool, AbstractContextManager[None]]] = {
        "duplicated": (False, nullcontext()),
        "forked": (True, nullcontext()),
        "forked, checkpointed": (True, recomputed(policy.model)),
    }
    for name, (forked, saving) in ways.items():
        repeated = example if forked else example * group
        inputs = to_device(encode_prompts(policy.processor, repeated).inputs, policy.device)
        work = Pass(rows, Pass.ready(inputs), group, group, forked)
        torch.cuda.reset_peak_memory_stats()

        def step(work: Pass = work) -> None:
            for _, logprobs in pass_logprobs(policy.model, work, tokens, lengths, 1.0):
                logprobs.sum().backward()
            policy.model.zero_grad()

        with saving:
            seconds = _seconds(step)
        through = inputs["input_ids"].numel() + group * length
        share = 6 * parameters * through / seconds / ceiling
        seconds_of[name] = seconds
        print(
            f"pass, {name:<20} {seconds:>8.3f} s  x{seconds_of['duplicated'] / seconds:.2f}  "
            f"peak {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB  {share:.0%} of the matmul "
            "ceiling (language model)"
        )
