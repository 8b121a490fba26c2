"""Test vectors: does the verifier give completions their known rewards?

    python -m benchmarks.vectors FILE.jsonl ...

A row has `completion` and `labels`, and either `reward` and `ungated` (what the public SafeGRPO
code gives, which the profile `official` must equal) or `profile`, `min_reward` and `max_reward`
(bounds of a sound reward; rows marked `needs_judge` cannot be decided by rules and are skipped).
"""

import argparse
import json
import math
import sys
from functools import cache
from pathlib import Path
from typing import Any

from rules.labels import Labels
from rules.profile import load_profile
from rules.reward import Score, Scorer


def main() -> None:
    """Print how many rows of each file hold, and which do not; fail unless all do, and some are."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("files", nargs="+", type=Path, metavar="FILE.jsonl")
    failed = False
    for file in arguments.parse_args().files:
        with file.open(encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines if line.strip()]
        asked = [row for row in rows if not row.get("needs_judge")]
        for number, row in enumerate(asked, 1):
            for key in _missing(row):
                sys.exit(
                    f"{file}, row {row.get('id', number)} has no `{key}`; --help says what it holds"
                )
        wrong = [(number, why) for number, row in enumerate(asked, 1) if (why := _wrong(row))]
        beyond = f", {len(rows) - len(asked)} need a judge" if len(asked) < len(rows) else ""
        print(f"{file.name}: {len(asked) - len(wrong)} of {len(asked)} rows hold{beyond}")
        for number, why in wrong:
            print(f"  row {asked[number - 1].get('id', number)}: {why}")
        failed = failed or bool(wrong) or not asked
    sys.exit(failed)


def _missing(row: dict[str, Any]) -> list[str]:
    """The required keys that the row lacks."""
    known = ("reward",) if "ungated" in row else ("profile", "min_reward", "max_reward")
    return [key for key in ("completion", "labels", *known) if key not in row]


@cache
def _scorer(profile: str) -> Scorer:
    return Scorer(load_profile(profile))


def _wrong(row: dict[str, Any]) -> str:
    """What is wrong with the reward of a row; nothing if it holds. Never quotes the completion."""
    labels = Labels(**row["labels"])
    if "ungated" not in row:
        score = _scorer(row["profile"]).score(row["completion"], labels)
        low, high = row["min_reward"], row["max_reward"]
        held = score.reward is not None and low <= score.reward <= high
        return "" if held else f"reward {score.reward}, not within {low} and {high}"
    score = _scorer("official").score(row["completion"], labels)
    if not _close(score.reward, row["reward"]):
        return f"reward {score.reward}, not {row['reward']}"
    return _ungated_differs(score, row["ungated"])


def _ungated_differs(score: Score, ungated: dict[str, float]) -> str:
    differing = [name for name, value in ungated.items() if not _close(score.raw[name], value)]
    return f"{', '.join(differing)} alone differs" if differing else ""


def _close(ours: float | None, theirs: float) -> bool:
    return ours is not None and math.isclose(ours, theirs, abs_tol=1e-9)


if __name__ == "__main__":
    main()
