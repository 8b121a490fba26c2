"""Scorers of the shipped profiles, and labels."""

from rules.labels import Labels
from rules.profile import load_profile
from rules.reward import Scorer

SCORER = Scorer(load_profile("safegrpo"))
PAPER = Scorer(load_profile("paper"))
OFFICIAL = Scorer(load_profile("official"))
SAFE = Labels("safe", "safe", "safe")
COMBINED_UNSAFE = Labels("safe", "safe", "unsafe")
