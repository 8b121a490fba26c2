"""The verifier's benchmark: what it cannot measure is told before anything is measured."""

import sys
from pathlib import Path

import pytest

from benchmarks import verifier


def test_answers_that_are_not_there_get_a_sentence_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "answers"
    monkeypatch.setattr(sys, "argv", ["verifier", "--quick", "--answers", str(missing)])
    with pytest.raises(SystemExit, match=f"--answers cannot be used: {missing} is not there"):
        verifier.main()
    assert not capsys.readouterr().out
