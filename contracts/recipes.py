"""The arguments that a recipe of `examples/` gives to its trainer."""

import os
import subprocess
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def arguments(recipe: str, folder: Path, *more: str) -> list[str]:
    """Those after `python -m MODULE`, `more` of the user's own included. `folder` is scratch."""
    python = folder / "python"
    python.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    python.chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "MODEL": "org/model"}
    command = ["bash", str(EXAMPLES / recipe), *more]
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return output.stdout.splitlines()[2:]
