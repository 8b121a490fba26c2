"""TRL's `GRPOTrainer` with our rewards, on the embedded world, on a CPU.

    pip install trl==1.16.0
    safegrpo serve --port 8700 &
    python examples/trl_world.py --url http://127.0.0.1:8700 --steps 240

The policy is the demo's small Qwen3-VL: a short warm-up teaches it the format, its verdicts being
coin flips; every reward that TRL then logs as `rewards/safegrpo/mean` came over HTTP, and their
mean rises. For a model and data of your own keep the lines marked with (*).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from train_client.config.errors import ConfigError
from train_client.integrations.for_trl import SafetyReward  # (*)
from train_client.world.cases import balanced, draw_cases
from train_client.world.policy import freeze_perception
from train_client.world.rules import Rules, load_rules
from train_client.world.split import split_pairs
from train_client.world.warmup import WarmupConfig, warm_policy


def main(
    url: Annotated[
        str, typer.Option(envvar="SAFEGRPO_REWARD_URL", help="the reward service")
    ] = "http://127.0.0.1:8700",
    steps: Annotated[int, typer.Option(help="of the optimizer")] = 240,
    warmup: Annotated[int, typer.Option(help="steps of the supervised warm-up")] = 600,
    output: Annotated[Path, typer.Option(help="folder of the run")] = Path("runs/trl"),
) -> None:
    """Warm the policy up, train it, and print its rewards before and after."""
    try:
        reward = SafetyReward(url=url, run="trl-world")  # (*)
    except ConfigError as error:
        sys.exit(str(error))
    rules = load_rules()
    policy = warm_policy(rules, WarmupConfig(steps=warmup), seed=0)
    freeze_perception(policy.model)
    trainer = GRPOTrainer(
        model=policy.model,
        processing_class=policy.processor,
        reward_funcs=reward,  # (*)
        train_dataset=dataset(rules, cases_per_pair=4),
        args=GRPOConfig(
            output_dir=str(output),
            shuffle_dataset=False,  # balanced already
            max_steps=steps,
            per_device_train_batch_size=64,
            steps_per_generation=4,
            num_generations=8,
            max_completion_length=72,
            min_p=0.02,  # a policy this small has a long tail of stray tokens
            learning_rate=6e-4,
            adam_beta2=0.99,
            adam_epsilon=1e-6,
            lr_scheduler_type="cosine",
            warmup_steps=40,
            logging_steps=1,
            report_to="none",
            save_strategy="no",
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
        ),
    )
    trainer.train()
    rewards = [line["reward"] for line in trainer.state.log_history if "reward" in line]
    few = max(1, len(rewards) // 5)
    first, last = sum(rewards[:few]) / few, sum(rewards[-few:]) / few
    print(f"mean reward of the first {few} steps {first:.3f}, of the last {few} {last:.3f}")


def dataset(rules: Rules, cases_per_pair: int) -> Dataset:
    """The world's training pairs in SafeTag's columns."""
    training, _ = split_pairs(rules)
    cases = balanced(rules, draw_cases(rules, training, cases_per_pair, seed=0), seed=0)
    examples = [case.example(rules) for case in cases]
    return Dataset.from_list(
        [
            {
                "prompt": [{"role": "user", "content": example.instruction}],
                "image": example.images[0],
                "image_tag": example.labels.visual,
                "text_tag": example.labels.text,
                "combine_tag": example.labels.combined,
            }
            for example in examples
        ]
    )


if __name__ == "__main__":
    typer.run(main)
