"""Ground truth of a sample: whether the image, the instruction, and both combined are safe."""

from typing import NamedTuple

from grammar import Verdict


class Labels(NamedTuple):
    """Ground-truth verdicts, named like the sections that state them."""

    visual: Verdict
    text: Verdict
    combined: Verdict
