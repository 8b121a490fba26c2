"""A profile with a judge, and an answer that the profile leaves to it."""

from pathlib import Path

UNCLEAR = "Could you please clarify which of the two lamps you mean?"
"""An answer of unclear stance."""


def judged_profile(
    folder: Path, url: str, ask: str = "unclear", reply_format: str = "rubric"
) -> str:
    """The path of a profile `judged` whose judge is at `url`, and patient."""
    path = folder / "judged.yaml"
    path.write_text(
        "name: judged\nrelease: 1.0.0\nstructure: strict\ndialect: tags\ninstruction: tags.txt\n"
        "stance: {detector: rules}\n"
        f"judge: {{url: '{url}', model: m, format: {reply_format}, ask: {ask}, "
        "retries: 0, timeout: 60}\n"
    )
    return str(path)
