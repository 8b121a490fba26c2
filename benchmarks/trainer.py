"""The speed of the trainer and of TRL's, on the same model, data, loss and lengths.

    pip install trl
    python -m benchmarks.trainer                    # on a CPU, two small models
    python -m benchmarks.trainer --device cuda      # on a GPU, a 2 B model; under ten minutes

On a CPU the two trainers take turns, a step each, so that noise affects both equally, and every
ratio is the median over the pairs of steps. On a GPU they run one after the other, because both do
not fit in memory. Peak memory does not include what the import of the libraries takes.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoProcessor

from benchmarks.trainer_gpu import gpu_parts
from benchmarks.trainer_shapes import SHAPES, examples, write_policy
from train_client.data.prompts import encode_prompts

WARM_UP = 1
OURS = "ours"
PEERS = {"cpu": ("trl",), "cuda": ("trl", "trl-bfloat16")}
"""TRL with float32 weights under autocast, and on a GPU also with bfloat16 weights alone."""

TARGETS = {"large tower": 3.0, "small tower": 2.0, "2B": 2.0}
"""Model -> the least ratio of TRL's time for a step to this trainer's."""

Step = dict[str, float]
"""The measurements of a step, by name."""


class Worker:
    """A trainer in a process of its own; see trainer_worker."""

    def __init__(self, trainer: str, shape: str, folder: Path, device: str, steps: int) -> None:
        command = [sys.executable, "-m", "benchmarks.trainer_worker", trainer, shape, str(folder)]
        command += ["--device", device, "--steps", str(steps)]
        self._log = (folder / f"{trainer}.log").open("w")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True
        )

    def wait_until_ready(self) -> None:
        self._line()

    def step(self) -> Step:
        """Let it make a step, and wait for the measurements."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        measured: Step = json.loads(self._line())
        return measured

    def finish(self) -> list[Step]:
        """Wait for the end of the process; the phases of the steps, if it reports them."""
        assert self._process.stdout is not None
        phases = [json.loads(line) for line in self._process.stdout]
        self._log.close()
        if self._process.wait():
            raise SystemExit(f"A trainer failed at its end:\n{self._log_tail()}")
        return phases

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            return line
        self._process.wait()
        raise SystemExit(f"A trainer exited early:\n{self._log_tail()}")

    def _log_tail(self) -> str:
        return Path(self._log.name).read_text()[-3000:]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--steps", type=int, default=5, help="measured steps of each trainer")
    parser.add_argument("--shape", choices=SHAPES, help="one model only")
    options = parser.parse_args()
    if importlib.util.find_spec("trl") is None:
        raise SystemExit("The peer is missing: pip install trl")
    shapes = [options.shape] if options.shape else ["large tower", "small tower"]
    if options.device == "cuda":
        if not torch.cuda.is_available():
            raise SystemExit("No CUDA device is available.")
        shapes = [options.shape or "2B"]
    for name in shapes:
        with tempfile.TemporaryDirectory() as folder:
            compare(name, Path(folder), options.device, options.steps)


def compare(name: str, folder: Path, device: str, steps: int) -> None:
    """Run all trainers on one model and print their tables."""
    write_policy(SHAPES[name], folder / "policy", device)
    if device == "cuda":
        gpu_parts(SHAPES[name], folder / "policy")
    total = WARM_UP + steps
    run = in_turns if device == "cpu" else one_after_the_other
    measured, phases = run(name, folder, device, total)
    processor = AutoProcessor.from_pretrained(folder / "policy")
    prompt = encode_prompts(processor, examples(SHAPES[name])[:1]).inputs["input_ids"].shape[1]
    print(f"\n{name}: prompts of {prompt} tokens, image included")
    for peer in PEERS[device]:
        report(name, peer, measured[OURS][WARM_UP:], measured[peer][WARM_UP:])
    report_phases(phases[WARM_UP:])


def in_turns(
    name: str, folder: Path, device: str, steps: int
) -> tuple[dict[str, list[Step]], list[Step]]:
    """A step of each trainer in turn. Returns the steps by trainer, and the phases of ours."""
    trainers = (OURS, *PEERS[device])
    workers = {trainer: Worker(trainer, name, folder, device, steps) for trainer in trainers}
    measured: dict[str, list[Step]] = {trainer: [] for trainer in trainers}
    for _ in range(steps):
        for worker in workers.values():
            worker.wait_until_ready()
        for trainer, worker in workers.items():
            measured[trainer].append(worker.step())
    phases = {trainer: worker.finish() for trainer, worker in workers.items()}
    return measured, phases[OURS]


def one_after_the_other(
    name: str, folder: Path, device: str, steps: int
) -> tuple[dict[str, list[Step]], list[Step]]:
    """All steps of one trainer, then all of the next; returns what `in_turns` does."""
    measured: dict[str, list[Step]] = {}
    phases = {}
    for trainer in (OURS, *PEERS[device]):
        worker = Worker(trainer, name, folder, device, steps)
        measured[trainer] = []
        for number in range(1, steps + 1):
            worker.wait_until_ready()
            step = worker.step()
            measured[trainer].append(step)
            print(f"{trainer}: step {number} of {steps}, {step['seconds']:.1f} s")
        phases[trainer] = worker.finish()
    return measured, phases[OURS]


def report(name: str, peer: str, ours: Sequence[Step], theirs: Sequence[Step]) -> None:
    """Print the medians of both trainers, and of the ratios (peer / this) of their paired steps."""
    shape = SHAPES[name]
    rows = shape.prompts * shape.group
    print(f"{rows} completions of {shape.completion} tokens a step, {len(ours)} steps")
    print(f"{'a step':<26} {'this':>12} {peer:>12} {'peer / this':>11}")
    for key in ours[0]:
        ratio = statistics.median(b[key] / a[key] for a, b in zip(ours, theirs, strict=True))
        medians = [statistics.median(step[key] for step in steps) for steps in (ours, theirs)]
        target = f"  target >= {TARGETS[name]:g}" if key == "seconds" else ""
        print(f"{key:<26} {medians[0]:>12,.2f} {medians[1]:>12,.2f} {ratio:>11.2f}{target}")


def report_phases(phases: Sequence[Step]) -> None:
    """Print how the time of a step of ours is divided among its phases."""
    whole = statistics.median(step["time/step"] for step in phases)
    for phase in ("prompts", "rollout", "reward_wait", "reference", "update"):
        share = statistics.median(
            step.get(f"time/{phase}", 0.0) / step["time/step"] for step in phases
        )
        goal = "  target < 1 %" if phase == "reward_wait" else ""
        print(f"  {phase:<12} {share:>7.1%} of a step of {whole:.2f} s{goal}")


if __name__ == "__main__":
    main()
