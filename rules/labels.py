"""The truth about a sample: whether the image, the instruction and the two combined are safe."""

from typing import NamedTuple

from grammar import Verdict


class Labels(NamedTuple):
    """Ground-truth verdicts, named like the sections that must state them."""

    visual: Verdict
    text: Verdict
    combined: Verdict
