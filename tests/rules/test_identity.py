"""The version of a reward changes with all code and data that decides it."""

import shutil
import unicodedata
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import pytest

from rules.identity import PACKAGES, TRANSLATORS, code_digest
from rules.profile import load_profile


def test_any_edit_of_a_grammar_rule_lexicon_or_instruction_changes_the_version(
    tmp_path: Path,
) -> None:
    folders = []
    for package in (*PACKAGES, "app"):
        shutil.copytree(str(files(package)), tmp_path / package)
        folders.append(tmp_path / package)
    app = folders.pop()
    folders += [app / name for name in TRANSLATORS]
    before = code_digest(folders)
    deciding = [
        path
        for folder in folders
        for path in ([folder] if folder.is_file() else folder.rglob("*"))
        if path.suffix in (".py", ".lark", ".yaml", ".txt") and path.parent.name != "profiles"
    ]
    assert {"tags.lark", "tags.txt", "tags.py", "en.yaml", "rows.py", "openrlhf.py"} <= {
        p.name for p in deciding
    }
    for path in deciding:
        content = path.read_bytes()
        path.write_bytes(content + b"\n")
        assert code_digest(folders) != before, path
        path.write_bytes(content)
    assert code_digest(folders) == before


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
