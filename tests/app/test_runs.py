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


def test_names_beyond_the_bound_take_no_room_in_the_file(tmp_path: Path) -> None:
    """Clients choose them, and may choose another one each time."""
    file = tmp_path / "runs"
    runs = Runs(1, file)
    runs.label("a")
    before = file.read_bytes()
    assert runs.label("b") == "other"
    assert file.read_bytes() == before


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
