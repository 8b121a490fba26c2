"""The one scoring path: validated samples -> scores. Server, commands and protocols all use it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from app.errors import RequestError
from app.schema import Problem, Sample
from rules.judge import Judge, JudgeError, Question
from rules.labels import Labels
from rules.profile import Profile, load_profile, shipped_profiles
from rules.reward import Examined, Score, Scorer
from rules.stance import Stance

Result = TypeVar("Result")
Offload = Callable[[Callable[[], Result]], Awaitable[Result]]
"""Runs a function where it does not hold up the event loop."""


class Scoring:
    """The scorers, and the judges, of every profile that is served, by the profile's name.

    Args:
        default: name or file of the profile for requests that name none.
        others: names or files of further profiles; the shipped ones are always served.

    Raises:
        ProfileError: a profile cannot be used.
        JudgeError: the key of a profile's judge is not set.
    """

    def __init__(self, default: str, others: Sequence[str] = ()) -> None:
        profiles: dict[str, Profile] = {}
        for source in (*shipped_profiles(), *others, default):
            profile = load_profile(source)
            profiles[profile.name] = profile
            self.default = profile.name
        self.scorers = {name: Scorer(profile) for name, profile in profiles.items()}
        self._judges = {
            name: Judge(profile.judge) for name, profile in profiles.items() if profile.judge
        }

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

    async def score(
        self, scorer: Scorer, samples: Sequence[Sample], offload: Offload[list[Score]]
    ) -> list[Score]:
        """Score a batch; `offload` runs the parts that compute."""
        judge = self._judges.get(scorer.profile.name)
        if judge is None:
            return await offload(lambda: settle(scorer, samples, examine(scorer, samples)))
        examined: list[Examined] = []

        def read() -> list[Score]:
            examined.extend(examine(scorer, samples))
            return []

        await offload(read)
        judged = await _consult(judge, scorer, samples, examined)
        return await offload(lambda: settle(scorer, samples, judged))

    async def close(self) -> None:
        """Close the connections to the judges."""
        for judge in self._judges.values():
            await judge.close()


def examine(scorer: Scorer, samples: Sequence[Sample]) -> list[Examined]:
    """Read the completions, before any judge is asked."""
    return [scorer.examine(sample.completion, sample.prompt) for sample in samples]


def settle(
    scorer: Scorer, samples: Sequence[Sample], examined: Sequence[Examined | JudgeError]
) -> list[Score]:
    """The rewards of what was read; where the judge could not be heard, a service error."""
    return [
        scorer.service_error()
        if isinstance(one, JudgeError)
        else scorer.settle(one, _truth(sample))
        for sample, one in zip(samples, examined, strict=True)
    ]


async def _consult(
    judge: Judge, scorer: Scorer, samples: Sequence[Sample], examined: Sequence[Examined]
) -> list[Examined | JudgeError]:
    """Ask the judge about the answers that the profile says, and put its word in their place."""
    asked = [index for index, one in enumerate(examined) if scorer.needs_judge(one)]
    questions = [Question(samples[index].prompt, examined[index].answer) for index in asked]
    outcome: list[Examined | JudgeError] = list(examined)
    for index, word in zip(asked, await judge.ask(questions), strict=True):
        if isinstance(word, JudgeError):
            outcome[index] = word
        elif word is not None:
            outcome[index] = examined[index]._replace(stance=Stance(word, judge.rule))
    return outcome


def _truth(sample: Sample) -> Labels:
    return Labels(sample.labels.visual, sample.labels.text, sample.labels.combined)
