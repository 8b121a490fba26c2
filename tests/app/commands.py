"""A command in a process of its own, as a user runs it."""

import os
import subprocess
import sys


def run(*arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        input=stdin, capture_output=True, encoding="utf-8", errors="replace",
        timeout=60, check=False, env=os.environ | variables,
    )  # fmt: skip
