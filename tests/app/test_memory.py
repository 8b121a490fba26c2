"""Memory that was freed stays with the process, whichever of its threads wants it next."""

import ctypes
import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from app import memory

BLOCK = 2**24

# In a process of its own: the options hold for the whole process.
_KEPT = f"""
import os, sys
from concurrent.futures import ThreadPoolExecutor
from app.memory import keep_freed_memory

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def use_and_free():
    b"x" * {BLOCK}

if sys.argv[1] == "keep":
    keep_freed_memory()
before = resident()
use_and_free()
kept = resident() - before
ThreadPoolExecutor(1).submit(use_and_free).result()
print(kept, resident() - before)
"""


def kept_bytes(how: str) -> list[int]:
    """More resident memory once a thread, then another one, has used a block and freed it."""
    command = [sys.executable, "-c", _KEPT, how]
    printed = subprocess.run(command, check=True, capture_output=True, timeout=240).stdout
    return [int(number) for number in printed.split()]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="is about glibc")
def test_what_one_thread_has_freed_is_kept_for_the_others() -> None:
    assert kept_bytes("leave")[0] < BLOCK / 2
    for kept in kept_bytes("keep"):
        assert BLOCK / 2 < kept < BLOCK * 3 / 2


def test_a_c_library_without_such_options_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    memory.keep_freed_memory()
