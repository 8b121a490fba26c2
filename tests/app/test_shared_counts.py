"""Folders that killed servers left behind go; what is used, or is another's, stays."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.shared_counts import hold, remove_left_behind
from tests.app.serving import server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = tmp_path / "safegrpo-metrics-x"
    made.mkdir()
    (made / "counter_1.db").touch()
    return made


def test_what_nobody_holds_is_removed(folder: Path) -> None:
    remove_left_behind()
    assert not folder.exists()


def test_a_worker_keeps_the_folder_of_its_killed_supervisor(folder: Path) -> None:
    hold(folder)
    remove_left_behind()
    assert folder.exists()


def test_a_folder_removed_while_its_lock_was_waited_for_is_not_held(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fcntl.flock", lambda *_: shutil.rmtree(folder))
    with pytest.raises(FileNotFoundError):
        hold(folder)


def test_another_users_folder_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    remove_left_behind()
    assert folder.exists()


def test_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    target = folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(target)
    remove_left_behind()
    assert [file.name for file in target.iterdir()] == ["counter_1.db"]


def test_another_programs_folder_is_left_alone(tmp_path: Path) -> None:
    """Whoever starts a server may have the variable of prometheus-client set, as vLLM has."""
    with server(env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}):
        assert not list(tmp_path.iterdir())


_STARTS = """
import os
from app.shared_counts import shared_counts, shared_folder
for _ in range(200):
    with shared_counts():
        assert os.path.isdir(shared_folder())
"""


def test_servers_that_start_at_once_leave_each_other_alone(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    starting = [
        subprocess.Popen([sys.executable, "-c", _STARTS], env=environment) for _ in range(4)
    ]
    assert [process.wait(240) for process in starting] == [0] * 4
    assert not list(tmp_path.iterdir())
