"""Several runs in one picture: a panel for each question, a line for each run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train_client.config.errors import ConfigError
from train_client.report.metrics import METRICS, read_metrics
from train_client.report.plots import points, smooth

PANELS = {
    "reward": "Reward",
    "format": "Format kept",
    "accuracy/combined": "Combined verdict right",
    "refusal_on_safe": "Declines safe pairs",
    "compliance_on_unsafe": "Helps on unsafe pairs",
    "kl": "KL to the reference (nats per token)",
    "length/mean": "Completion length (tokens)",
    "tokens_per_second": "Tokens sampled per second",
}
COLUMNS = 2


def compare_runs(folders: Sequence[Path], picture: Path) -> Path:
    """Draw every panel that some run has numbers for; held-out values are dots. Returns the file,
    a PNG where its name says nothing else.

    Raises ConfigError when a folder holds no run, or the picture cannot be written.
    """
    runs = {name: _lines(folder) for name, folder in _names(folders).items()}
    panels = [
        key
        for key in PANELS
        if any(line.get(key) is not None for lines in runs.values() for line in lines)
    ]
    from matplotlib.figure import Figure

    rows = -(-len(panels) // COLUMNS)
    figure = Figure(figsize=(6 * COLUMNS, 3.2 * rows), layout="constrained")
    grid = figure.subplots(rows, COLUMNS, squeeze=False).flatten()
    for axes, key in zip(grid, panels, strict=False):
        for place, (name, lines) in enumerate(runs.items()):
            steps, values = points(lines, key)
            axes.plot(steps, smooth(values), color=f"C{place}", label=name)
            axes.plot(*points(lines, f"eval/{key}"), "o", color=f"C{place}", markersize=4)
        axes.set_title(PANELS[key])
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    picture = picture if picture.suffix else picture.with_suffix(".png")
    try:
        picture.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(picture, dpi=120)
    except (OSError, ValueError) as error:
        raise ConfigError(f"The picture {picture} cannot be written: {error}.") from error
    return picture


def _names(folders: Sequence[Path]) -> dict[str, Path]:
    """Each run by the end of its path that tells it from the others."""
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise ConfigError("A run is given twice.")
    for depth in range(1, 1 + max(len(folder.resolve().parts) for folder in folders)):
        names = ["/".join(folder.resolve().parts[-depth:]) for folder in folders]
        if len(set(names)) == len(names):
            break
    return dict(zip(names, folders, strict=True))


def _lines(folder: Path) -> list[dict[str, Any]]:
    lines = read_metrics(folder)
    if not any(line.get("reward") is not None for line in lines):
        raise ConfigError(f"{folder} holds no run: there is no {METRICS} with steps in it.")
    return lines
