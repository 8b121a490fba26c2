"""Pictures of a run, from its metrics.jsonl: one PNG for each question a person asks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train_client.report.metrics import REWARD_TAIL, read_metrics

PICTURES = {
    "reward": ("Reward", ("reward",)),
    "refusal": ("Answers that decline", ("refusal_on_safe", "refusal_on_unsafe")),
    "accuracy": ("Verdicts right", ("accuracy/visual", "accuracy/text", "accuracy/combined")),
    "format": ("Format kept", ("format",)),
    "kl": ("KL to the reference (nats per token)", ("kl",)),
    "entropy": ("Entropy (nats per token, estimated)", ("entropy",)),
    "length": ("Completion length (tokens)", ("length/mean", "length/max")),
}
SMOOTHING = 0.9
"""Weight of the past in the lines that are drawn."""


def write_plots(folder: Path) -> list[Path]:
    """Write `folder/plots/*.png`; returns the files. Nothing to draw, nothing written."""
    lines = read_metrics(folder)
    if not any("reward" in line for line in lines):
        return []
    plots = folder / "plots"
    plots.mkdir(exist_ok=True)
    names = {name for line in lines for name in line}
    components = tuple(
        sorted(name for name in names if name.startswith("reward/") and name != REWARD_TAIL)
    )
    pictures = {**PICTURES, "components": ("Components of the reward", components)}
    return [
        _draw(plots / f"{name}.png", title, series, lines)
        for name, (title, series) in pictures.items()
        if any(line.get(key) is not None for line in lines for key in series)
    ]


def _draw(path: Path, title: str, series: Sequence[str], lines: list[dict[str, Any]]) -> Path:
    # The object interface: pyplot would keep figures alive and want a display.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for key in series:
        steps, values = points(lines, key)
        (line,) = axes.plot(steps, values, alpha=0.3, linewidth=1)
        axes.plot(steps, smooth(values), color=line.get_color(), label=key)
        held_out = points(lines, f"eval/{key}")
        if held_out[0]:
            axes.plot(*held_out, "o--", color=line.get_color(), label=f"{key}, held out")
    axes.set_xlabel("step")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
    return path


def points(lines: list[dict[str, Any]], key: str) -> tuple[list[int], list[float]]:
    """Steps and values of a metric, where it has one."""
    pairs = [(line["step"], line[key]) for line in lines if line.get(key) is not None]
    return [step for step, _ in pairs], [value for _, value in pairs]


def smooth(values: list[float]) -> list[float]:
    """Exponential moving average, corrected for its start."""
    smoothed, total = [], 0.0
    for count, value in enumerate(values, 1):
        total = SMOOTHING * total + (1 - SMOOTHING) * value
        smoothed.append(total / (1 - SMOOTHING**count))
    return smoothed
