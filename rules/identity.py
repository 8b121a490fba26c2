"""The identity of a reward: a hash of everything that decides it."""

import hashlib
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from importlib.resources import files
from pathlib import Path

PACKAGES = ("grammar", "rules")
"""The packages whose files decide a reward."""
TRANSLATORS = ("rows.py", "chat_templates.py", "protocols")
"""Files of `app` that decide which text of a request is the completion and which the prompt."""


def identity(profile: str) -> str:
    """Twelve hexadecimal digits of a profile (its validated form as JSON), the code and its data.

    Includes the versions of the tables of OpenCC and Python that fold the text for the rules.
    """
    digest = hashlib.sha256(profile.encode())
    digest.update(_code_digest())
    digest.update(f"{metadata.version('opencc')} {unicodedata.unidata_version}".encode())
    return digest.hexdigest()[:12]


@cache
def _code_digest() -> bytes:
    packages = [Path(str(files(package))) for package in PACKAGES]
    app = packages[-1].with_name("app")  # only its files: nothing here may import it
    return code_digest([*packages, *(app / name for name in TRANSLATORS)])


def code_digest(places: list[Path]) -> bytes:
    """SHA-256 over the grammars, rules, lexicons, instructions and code in files and folders.

    Without the shipped profiles: the one in use is hashed in its validated form.
    """
    digest = hashlib.sha256()
    for place in places:
        for path in _deciding_files(place):
            name = path.relative_to(place.parent).as_posix()
            content = path.read_bytes()
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.digest()


def _deciding_files(place: Path) -> Iterator[Path]:
    if not place.is_dir():
        yield place
        return
    for path in sorted(place.rglob("*")):
        shipped_profile = path.parent == place / "profiles"
        if path.suffix in (".py", ".lark", ".yaml", ".txt") and not shipped_profile:
            yield path
