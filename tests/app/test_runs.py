"""The names of runs, bounded, and the same for all workers."""

from pathlib import Path

from app.runs import Runs


def test_workers_keep_the_same_runs(tmp_path: Path) -> None:
    one, other = (Runs(2, tmp_path / "runs") for _ in range(2))
    assert [one.label("a"), other.label("b\n"), one.label("c")] == ["a", "b\n", "other"]
    assert [[runs.label(name) for name in ("a", "b\n", "c", "d")] for runs in (one, other)] == [
        ["a", "b\n", "other", "other"]
    ] * 2
    assert [Runs(2, tmp_path / "runs").label(name) for name in ("d", "a")] == ["other", "a"]


def test_runs_beyond_the_bound_are_other() -> None:
    runs = Runs(2)
    assert [runs.label(name) for name in ("a", "b", "c", "a", None, "")] == [
        "a",
        "b",
        "other",
        "a",
        "none",
        "none",
    ]
