"""The one scoring path: validated samples -> scores. Server, commands and protocols all use it."""

from collections.abc import Sequence

from app.errors import RequestError
from app.schema import Problem, Sample
from rules.labels import Labels
from rules.profile import Profile, load_profile, shipped_profiles
from rules.reward import Score, Scorer


class Scoring:
    """The scorers of every profile that is served, by name.

    Args:
        default: name or file of the profile for requests that name none.
        others: names or files of further profiles; the shipped ones are always served.
    """

    def __init__(self, default: str, others: Sequence[str] = ()) -> None:
        profiles: dict[str, Profile] = {}
        for source in (*shipped_profiles(), *others, default):
            profile = load_profile(source)
            profiles[profile.name] = profile
            self.default = profile.name
        self.scorers = {name: Scorer(profile) for name, profile in profiles.items()}

    def scorer(self, name: str | None) -> Scorer:
        """The scorer of a profile.

        Raises:
            RequestError: 422, no such profile is served.
        """
        scorer = self.scorers.get(name or self.default)
        if scorer is None:
            message = f"no such profile is served; there are {', '.join(sorted(self.scorers))}"
            problem = Problem(field="profile", sample=None, message=message)
            raise RequestError(422, f"profile: {message}", [problem])
        return scorer


def score_sample(scorer: Scorer, sample: Sample) -> Score:
    """Score one validated sample."""
    labels = Labels(sample.labels.visual, sample.labels.text, sample.labels.combined)
    return scorer.score(sample.completion, labels, sample.prompt)
