"""One trainer in a process of its own, which makes a step on request and reports its cost.

For each line on standard input it makes a step and prints a line of JSON. Both trainers get the
same saved policy, the same prompts, loss, group, temperature, KL weight and forced length.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from benchmarks.trainer_shapes import SHAPES, Shape, examples
from train_client.config.train_config import TrainConfig, parse_config
from train_client.policy.policy import Policy, load_policy
from train_client.report.metrics import read_metrics
from train_client.reward.client import RewardClient
from train_client.rollout.rollout import LocalEngine
from train_client.run.interrupt import Stop
from train_client.run.train import Trainer
from train_client.world.language import demonstration, toss_verdicts
from train_client.world.service import RewardService

LR, BETA = 1e-6, 0.04
REPORTS = sys.stdout
"""For the parent process only; the output of libraries goes to standard error."""

NEVER = -1
"""Not a token, so every completion runs to the limit."""


class _EnoughError(Exception):
    """Ends a run before its final save, which is not needed and slow for a large model."""


class Gauge:
    """Counts the models' inputs, and measures from each `start` to the next `report`."""

    def __init__(self, device: str) -> None:
        self._gpu = device == "cuda"
        self._before = _peak(self._gpu)
        self._images = self._tokens = 0

    def watch(self, model: PreTrainedModel) -> None:
        """Count the images that enter its vision tower and the tokens that enter its LLM."""
        model.get_submodule("model.visual").register_forward_pre_hook(
            self._count_images, with_kwargs=True
        )
        model.get_submodule("model.language_model").register_forward_pre_hook(
            self._count_tokens, with_kwargs=True
        )

    def _count_images(self, module: Any, arguments: Any, named: dict[str, Any]) -> None:
        self._images += len(named["grid_thw"] if "grid_thw" in named else arguments[1])

    def _count_tokens(self, module: Any, arguments: Any, named: dict[str, Any]) -> None:
        rows, length = named["inputs_embeds"].shape[:2]
        self._tokens += rows * length

    def start(self) -> None:
        """Wait for the parent's line, then start the clocks."""
        print("ready", file=REPORTS, flush=True)
        sys.stdin.readline()
        self._images = self._tokens = 0
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def report(self, peak: float | None = None) -> None:
        """Print the measurements since `start`.

        `peak`: the peak of memory in bytes, from a trainer that measures and resets it itself.
        """
        if self._gpu:
            torch.cuda.synchronize()
        measured = {
            "seconds": time.perf_counter() - self._wall,
            "cpu seconds": time.process_time() - self._cpu,
            "images encoded": self._images,
            "tokens through the model": self._tokens,
            "peak memory (MB)": ((peak or _peak(self._gpu)) - self._before) / 2**20,
        }
        print(json.dumps(measured), file=REPORTS, flush=True)


def _peak(gpu: bool) -> float:
    """Peak bytes of the process, or of the GPU's allocator."""
    if gpu:
        return float(torch.cuda.max_memory_allocated())
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


class Answering(Policy):
    """Decodes every completion as a demonstration, whose verdicts are drawn with its text as seed.

    Random weights write noise, all of which has reward 0, and the update would have no gradient.
    """

    def decode(self, tokens: Sequence[int]) -> str:
        verdicts = toss_verdicts(random.Random(super().decode(tokens)))
        return demonstration("sofa", "soft thing", 1, "lie down on it", verdicts)


def _expect_an_update(line: dict[str, Any]) -> None:
    """Fail if a step had no gradient, because its time would not be comparable."""
    assert line["advantage/abs"] > 0, "The rewards of every group are equal."
    assert line["grad_norm"] > 0, "The gradient is 0."


def _our_config(shape: Shape, folder: Path, device: str, steps: int, url: str) -> TrainConfig:
    # A large model's activations fit for a prompt and its group at a time.
    passes = {"prompts_per_pass": 1} if shape.layers > 8 else {}
    quiet = {"loggers": [], "plots": False, "progress": False}
    schedule = {"steps": steps, "evaluate_every": 1, "save_every": 0}
    return parse_config(
        {
            "run": {"output": str(folder / "ours"), **schedule, **quiet},
            "policy": {"path": str(folder / "policy"), "device": device, "dtype": shape.dtype},
            "rollout": {
                "prompts_per_step": shape.prompts,
                "group_size": shape.group,
                "max_tokens": shape.completion,
            },
            "data": {"append_instruction": False, "shuffle": False},
            "algorithm": {"loss": "grpo", "beta": BETA},
            "optimizer": {"lr": LR, **passes},
            "reward": {"url": url},
        }
    )


def ours(shape: Shape, folder: Path, device: str, steps: int) -> None:
    """This project's trainer, its rewards from the real service in a process of its own."""
    gauge = Gauge(device)
    with RewardService(folder / "service.log") as service:
        config = _our_config(shape, folder, device, steps, service.url)
        output = config.run.output
        loaded = load_policy(config.policy, reference=True)
        assert loaded.reference is not None
        policy = Answering(loaded.model, loaded.processor, loaded.reference)
        for model in (loaded.model, loaded.reference):
            gauge.watch(model)

        def between(_: Stop) -> dict[str, float]:
            lines = [line for line in read_metrics(output) if "loss" in line]
            if lines:
                peak = lines[-1].get("memory/peak_gib")
                gauge.report(peak and peak * 2**30)
                _expect_an_update(lines[-1])
            if len(lines) == steps:
                raise _EnoughError
            gauge.start()
            return {}

        engine = LocalEngine(policy.model, (NEVER,), policy.pad_id)
        with RewardClient(config.reward) as rewards, suppress(_EnoughError):
            Trainer(config, policy, examples(shape), rewards, evaluate=between, engine=engine).run()
    for line in read_metrics(output):
        if "loss" in line:
            times = {key: value for key, value in line.items() if key.startswith("time/")}
            print(json.dumps(times), file=REPORTS, flush=True)


def _dataset(shape: Shape) -> Any:
    """The examples as TRL takes them."""
    from datasets import Dataset, Features, Image, Value

    return Dataset.from_list(
        [
            {
                "prompt": [{"role": "user", "content": example.instruction}],
                "image": example.images[0],
            }
            for example in examples(shape)
        ],
        features=Features(
            prompt=[{"role": Value("string"), "content": Value("string")}], image=Image()
        ),
    )


def _trl_config(shape: Shape, folder: Path, device: str, steps: int, dtype: str) -> Any:
    from trl import GRPOConfig

    return GRPOConfig(
        output_dir=str(folder / "trl"),
        # A prompt and its group at a time, as this project's trainer takes them.
        per_device_train_batch_size=shape.group,
        gradient_accumulation_steps=shape.prompts,
        num_generations=shape.group,
        max_completion_length=shape.completion,
        generation_kwargs={"min_new_tokens": shape.completion},
        max_steps=steps,
        learning_rate=LR,
        lr_scheduler_type="constant",
        beta=BETA,
        loss_type="grpo",
        temperature=1.0,
        top_k=0,
        bf16=device == "cuda",
        use_cpu=device == "cpu",
        gradient_checkpointing=device == "cuda",
        shuffle_dataset=False,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=device == "cuda",
        model_init_kwargs={"dtype": dtype},
    )


def trl(shape: Shape, folder: Path, device: str, steps: int, dtype: str = "float32") -> None:
    """TRL's GRPOTrainer; its rewards cost nothing; it checkpoints activations on a GPU alone.

    float32 weights under bfloat16 autocast are as precise as bfloat16 weights with master weights.
    """
    from transformers import TrainerCallback
    from trl import GRPOTrainer

    gauge = Gauge(device)

    class Turns(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            gauge.start()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            gauge.report()

    def reward(completions: list[Any], **_: Any) -> list[float]:
        return [len(str(c)) % 7 / 7 for c in completions]

    options = _trl_config(shape, folder, device, steps, dtype)
    trainer = GRPOTrainer(
        str(folder / "policy"), reward, options, train_dataset=_dataset(shape), callbacks=[Turns()]
    )
    for model in (trainer.model, trainer.ref_model):
        gauge.watch(model)
    trainer.train()
    norms = [line["grad_norm"] for line in trainer.state.log_history if "grad_norm" in line]
    assert len(norms) == steps, "A step has no gradient."
    assert min(norms) > 0, "The gradient is 0."


TRAINERS: dict[str, Callable[[Shape, Path, str, int], None]] = {
    "ours": ours,
    "trl": trl,
    "trl-bfloat16": partial(trl, dtype="bfloat16"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trainer", choices=TRAINERS)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, required=True)
    options = parser.parse_args()
    sys.stdout = sys.stderr
    TRAINERS[options.trainer](SHAPES[options.shape], options.folder, options.device, options.steps)


if __name__ == "__main__":
    main()
