"""The version of a reward changes with all code and data that decides it."""

import shutil
import unicodedata
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import pytest

from rules import identity
from rules.identity import PACKAGES
from rules.profile import load_profile


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a copy of our packages, of which the version is now made."""
    for package in (*PACKAGES, "app"):
        shutil.copytree(str(files(package)), tmp_path / package)
    monkeypatch.setattr(identity, "files", lambda package: tmp_path / package)
    return tmp_path


digest = identity._code_digest.__wrapped__
"""Of the files as they are now; otherwise it is remembered."""


def test_any_edit_of_what_decides_a_reward_changes_the_version(copied: Path) -> None:
    """Grammars, rules, lexicons, instructions, and what finds the completion in a request."""
    before = digest()
    deciding = [
        path
        for path in copied.rglob("*")
        if path.suffix in (".py", ".lark", ".yaml", ".txt") and path.parent.name != "profiles"
        if path.relative_to(copied).parts[0] != "app"
        or path.name in ("rows.py", "chat_templates.py")
        or path.parent.name == "protocols"
    ]
    assert {"tags.lark", "tags.txt", "tags.py", "en.yaml", "rows.py", "openrlhf.py"} <= {
        p.name for p in deciding
    }
    for path in deciding:
        content = path.read_bytes()
        path.write_bytes(content + b"\n")
        assert digest() != before, path
        path.write_bytes(content)
    assert digest() == before


def test_an_edit_of_what_decides_no_reward_leaves_the_version(copied: Path) -> None:
    """As of the server; and the profile in use is hashed in its validated form."""
    before = digest()
    for name in ("app/server.py", "rules/profiles/paper.yaml"):
        (copied / name).write_text("")
    assert digest() == before


def test_other_tables_of_chinese_characters_are_another_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    profile = load_profile("safegrpo")
    before = profile.version
    monkeypatch.setattr(metadata, "version", lambda name: f"another {name}")
    assert profile.version != before


def test_other_tables_of_unicode_are_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """As another Python has them."""
    profile = load_profile("safegrpo")
    before = profile.version
    monkeypatch.setattr(unicodedata, "unidata_version", "1.1")
    assert profile.version != before
