"""Runs side by side: a picture of them all, and a sentence for what is no run."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.train_client.commands import invoke
from train_client.cli import plot
from train_client.metrics import MetricsWriter


def run(folder: Path, *rewards: float) -> str:
    writer = MetricsWriter(folder)
    writer.write(0, {"eval/reward": 0.1})
    for step, reward in enumerate(rewards, 1):
        writer.write(step, {"reward": reward, "kl": 0.01 * step})
    writer.close()
    return str(folder)


def test_runs_of_one_name_are_drawn_together(tmp_path: Path) -> None:
    one, other = run(tmp_path / "a" / "demo", 0.2, 0.4), run(tmp_path / "b" / "demo", 0.3, 0.9)
    picture = tmp_path / "pictures" / "both.png"
    result = invoke(plot, one, other, "--output", str(picture))
    assert result.exit_code == 0, result.output
    with Image.open(picture) as drawn:
        assert len(set(drawn.convert("RGB").resize((300, 100)).getdata())) > 10
    twice = invoke(plot, one, one, "--output", str(picture))
    assert twice.exit_code == 2
    assert "given twice" in twice.output


def test_a_folder_without_a_run_is_a_sentence(tmp_path: Path) -> None:
    result = invoke(plot, str(tmp_path))
    assert result.exit_code == 2
    assert "holds no run" in result.output


@pytest.mark.parametrize("name", ["both.doc", "file/both.png"])
def test_a_picture_that_cannot_be_written_is_a_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    given = [run(tmp_path / "a", 0.2), "--output", f"{tmp_path}/{name}"]
    result = invoke(plot, *given)
    assert result.exit_code == 2
    assert "cannot be written" in result.output
