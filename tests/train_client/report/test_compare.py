"""Runs side by side: a picture of them all, and a sentence for what is no run."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from tests.train_client.commands import invoke
from train_client.cli import plot
from train_client.report.metrics import MetricsWriter


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


@pytest.mark.parametrize(
    ("folders", "names"),
    [(["a/demo", "b/demo"], ["a/demo", "b/demo"]), (["a/one", "a/other"], ["one", "other"])],
)
def test_a_run_is_named_by_the_end_of_its_path_that_tells_it_from_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folders: list[str], names: list[str]
) -> None:
    legends: list[list[str]] = []
    monkeypatch.setattr(Figure, "legend", lambda self, lines, names, **_: legends.append(names))
    runs = [run(tmp_path / folder, 0.2, 0.4) for folder in folders]
    assert invoke(plot, *runs, "--output", str(tmp_path / "both.png")).exit_code == 0
    assert legends == [names]


def test_a_picture_without_an_ending_is_a_png_and_named_so(tmp_path: Path) -> None:
    result = invoke(plot, run(tmp_path / "a", 0.2), "--output", f"{tmp_path}/both")
    assert f"{tmp_path}/both.png" in result.output.replace("\n", "")
    assert (tmp_path / "both.png").exists()


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
