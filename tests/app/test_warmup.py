"""What a worker does before it is ready is what requests will ask of it."""

from app.warmup import warm_up
from grammar import ParsedCompletion
from rules.profile import load_profile, shipped_profiles
from rules.reward import Scorer


def test_answers_that_help_decline_and_inform_are_read_under_each_profile() -> None:
    for name in shipped_profiles():
        read = warm_up([Scorer(load_profile(name))])
        assert all(isinstance(one.parsed, ParsedCompletion) for one in read)
        kinds = [one.stance and one.stance.kind for one in read]
        assert kinds == ["compliance", "refusal", "compliance"]
