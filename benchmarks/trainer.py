"""How fast the trainer is beside TRL's, on the same model, data, loss and lengths.

    pip install trl
    python -m benchmarks.trainer                    # on a CPU, two small models
    python -m benchmarks.trainer --device cuda      # on a GPU, a 2 B model; under ten minutes

On a CPU the two trainers take turns, a step each, so that noise affects them alike, and every ratio
is the median over the pairs of steps. On a GPU they run one after the other, because both do not
fit in memory. Peak memory is counted from after the import of the libraries.
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
from typing import Any

import torch
from transformers import AutoProcessor

from benchmarks.trainer_gpu import gpu_parts
from benchmarks.trainer_shapes import SHAPES, examples, write_policy
from train_client.prompts import encode_prompts

WARM_UP = 1
OURS = "ours"
PEERS = {"cpu": ("trl",), "cuda": ("trl", "trl-bfloat16")}
"""TRL with float32 weights under autocast; and on a GPU with bfloat16 weights and no masters."""

TARGETS = {"large tower": 3.0, "small tower": 2.0, "2B": 2.0}
Step = dict[str, float]


class Worker:
    """A trainer's process; see trainer_worker."""

    def __init__(self, trainer: str, shape: str, folder: Path, device: str, steps: int) -> None:
        command = [sys.executable, "-m", "benchmarks.trainer_worker", trainer, shape, str(folder)]
        command += ["--device", device, "--steps", str(steps)]
        self._log = (folder / f"{trainer}.log").open("w")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True
        )

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            return line
        self._process.wait()
        raise SystemExit(f"A trainer exited early:\n{self._log_tail()}")

    def _log_tail(self) -> str:
        return Path(self._log.name).read_text()[-3000:]

    def ready(self) -> None:
        self._line()

    def step(self) -> Step:
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        found: Step = json.loads(self._line())
        return found

    def rest(self) -> list[dict[str, Any]]:
        """What it prints at the end, once it has ended."""
        assert self._process.stdout is not None
        lines = [json.loads(line) for line in self._process.stdout]
        self._log.close()
        if self._process.wait():
            raise SystemExit(f"A trainer failed at its end:\n{self._log_tail()}")
        return lines


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
    """Run both trainers on one model and print their table."""
    write_policy(SHAPES[name], folder / "policy", device)
    if device == "cuda":
        gpu_parts(SHAPES[name], folder / "policy")
    total = WARM_UP + steps
    run = in_turns if device == "cpu" else one_after_the_other
    steps_of, phases = run(name, folder, device, total)
    processor = AutoProcessor.from_pretrained(folder / "policy")
    prompt = encode_prompts(processor, examples(SHAPES[name])[:1]).inputs["input_ids"].shape[1]
    print(f"\n{name}: prompts of {prompt} tokens, image included")
    mine, *peers = (found[WARM_UP:] for found in steps_of.values())
    for peer, theirs in zip(PEERS[device], peers, strict=True):
        report(name, peer, mine, theirs)
    report_phases(phases[WARM_UP:])


def in_turns(
    name: str, folder: Path, device: str, steps: int
) -> tuple[dict[str, list[Step]], list[Step]]:
    """Steps of all trainers in turns, by trainer; and the phases of this one's."""
    trainers = (OURS, *PEERS[device])
    workers = [Worker(trainer, name, folder, device, steps) for trainer in trainers]
    found: dict[str, list[Step]] = {trainer: [] for trainer in trainers}
    for _ in range(steps):
        for worker in workers:
            worker.ready()
        for trainer, worker in zip(trainers, workers, strict=True):
            found[trainer].append(worker.step())
    phases, *_ = [worker.rest() for worker in workers]
    return found, phases


def one_after_the_other(
    name: str, folder: Path, device: str, steps: int
) -> tuple[dict[str, list[Step]], list[Step]]:
    """All steps of one trainer, then all of the next."""
    found: dict[str, list[Step]] = {}
    rest = {}
    for trainer in (OURS, *PEERS[device]):
        worker = Worker(trainer, name, folder, device, steps)
        found[trainer] = []
        for done in range(steps):
            worker.ready()
            found[trainer].append(worker.step())
            print(f"{trainer}: step {done + 1} of {steps}, {found[trainer][-1]['seconds']:.1f} s")
        rest[trainer] = worker.rest()
    return found, rest[OURS]


def report(name: str, peer: str, mine: Sequence[Step], theirs: Sequence[Step]) -> None:
    """Medians of each, and the median of the pairs' ratios (peer / this)."""
    shape = SHAPES[name]
    rows = shape.prompts * shape.group
    print(f"{rows} completions of {shape.completion} tokens a step, {len(mine)} steps")
    print(f"{'a step':<26} {'this':>12} {peer:>12} {'peer / this':>11}")
    for key in mine[0]:
        ratio = statistics.median(b[key] / a[key] for a, b in zip(mine, theirs, strict=True))
        medians = [statistics.median(step[key] for step in steps) for steps in (mine, theirs)]
        target = f"  target >= {TARGETS[name]:g}" if key == "seconds" else ""
        print(f"{key:<26} {medians[0]:>12,.2f} {medians[1]:>12,.2f} {ratio:>11.2f}{target}")


def report_phases(phases: Sequence[Step]) -> None:
    """What this trainer's steps spend their time on."""
    whole = statistics.median(step["time/step"] for step in phases)
    for phase in ("prompts", "rollout", "reward_wait", "reference", "update"):
        share = statistics.median(
            step.get(f"time/{phase}", 0.0) / step["time/step"] for step in phases
        )
        goal = "  target < 1 %" if phase == "reward_wait" else ""
        print(f"  {phase:<12} {share:>7.1%} of a step of {whole:.2f} s{goal}")


if __name__ == "__main__":
    main()
