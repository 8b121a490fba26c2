"""The one scoring path: validated samples -> scores. Server, commands and protocols all use it."""

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from app.errors import RequestError
from app.logs import failure
from app.schema import Problem, Sample
from rules.judge import Judge, JudgeError, Question
from rules.labels import Labels
from rules.profile import Profile, load_profile
from rules.reward import Examined, Score, Scorer
from rules.stance import Stance

log = logging.getLogger("safegrpo.scoring")

Item = TypeVar("Item")
Result = TypeVar("Result")


class Offload(Protocol):
    """Runs a function where it does not block the event loop."""

    def __call__(self, compute: Callable[[], Result], /) -> Awaitable[Result]: ...


def _never() -> bool:
    return False


class Patience(NamedTuple):
    """How long a client waits for a batch; checked before each sample."""

    deadline: float = math.inf
    """On `time.monotonic`."""
    abandoned: Callable[[], bool] = _never
    """Whether the client has gone; called in the scoring thread."""
    gone: asyncio.Future[Any] | None = None
    """Done when the client has gone, to interrupt a judge."""

    def is_over(self) -> bool:
        return time.monotonic() > self.deadline or self.abandoned()


UNTIL_DONE: Final = Patience()


async def at_once(compute: Callable[[], Result], /) -> Result:
    """An `Offload` that runs the function in place."""
    return compute()


class Scoring:
    """The scorers and judges of all profiles served, by name.

    Args:
        default: the profile for requests that name none, or its name or file.
        others: further profiles, or their names or files.

    Raises:
        ProfileError: a profile cannot be used.
        JudgeError: the key of a profile's judge is not set.
        LexiconError: a file of stance rules cannot be used.
    """

    def __init__(self, default: str | Profile, others: Sequence[str | Profile] = ()) -> None:
        sources = (*others, default)
        loaded = [load_profile(one) if isinstance(one, str) else one for one in sources]
        profiles = {profile.name: profile for profile in loaded}
        self.default = loaded[-1].name
        self.scorers = {name: Scorer(profile) for name, profile in profiles.items()}
        self._judges = {
            name: Judge(profile.judge) for name, profile in profiles.items() if profile.judge
        }

    def scorer(self, name: str | None) -> Scorer:
        """The scorer of a profile.

        Raises:
            RequestError: 422, no such profile is served.
        """
        scorer = self.scorers.get(self.default if name is None else name)
        if scorer is None:
            message = f"no such profile is served; there are {', '.join(sorted(self.scorers))}"
            problem = Problem(field="profile", sample=None, message=message)
            raise RequestError(422, f"profile: {message}", [problem])
        return scorer

    async def score(
        self,
        scorer: Scorer,
        samples: Sequence[Sample],
        offload: Offload,
        patience: Patience = UNTIL_DONE,
    ) -> list[Score]:
        """Score a batch; `offload` runs the parts that compute.

        Samples that fail, or are not scored before the patience is over, are service errors.
        """
        judge = self._judges.get(scorer.profile.name)
        if judge is None:
            return await offload(lambda: score_by_rules(scorer, samples, patience))
        examined = await offload(lambda: examine(scorer, samples, patience))
        judged = await _consult(judge, scorer, samples, examined, patience)
        return await offload(lambda: settle(scorer, samples, judged))

    @property
    def asks_judges(self) -> bool:
        """Whether scoring may wait for a judge."""
        return bool(self._judges)

    async def close(self) -> None:
        """Close the connections to the judges."""
        for judge in self._judges.values():
            await judge.close()


def score_by_rules(
    scorer: Scorer, samples: Sequence[Sample], patience: Patience = UNTIL_DONE
) -> list[Score]:
    """Score a batch without a judge; failed or late samples are service errors."""
    scores = _each(
        samples, lambda one: scorer.score(one.completion, _truth(one), one.prompt), patience
    )
    return [scorer.service_error() if score is None else score for score in scores]


def examine(
    scorer: Scorer, samples: Sequence[Sample], patience: Patience = UNTIL_DONE
) -> list[Examined | None]:
    """Examine the completions, before a judge is asked; None where that failed or was late."""
    return _each(samples, lambda one: scorer.examine(one.completion, one.prompt), patience)


def settle(
    scorer: Scorer, samples: Sequence[Sample], examined: Sequence[Examined | None]
) -> list[Score]:
    """The scores of examined completions; a service error where there is none."""

    def settled(pair: tuple[Sample, Examined | None]) -> Score | None:
        sample, one = pair
        return None if one is None else scorer.settle(one, _truth(sample))

    scores = _each(list(zip(samples, examined, strict=True)), settled, UNTIL_DONE)
    return [scorer.service_error() if score is None else score for score in scores]


def _each(
    items: Sequence[Item], read: Callable[[Item], Result], patience: Patience
) -> list[Result | None]:
    """`read` of each item; None where that failed or was late."""
    found: list[Result | None] = []
    for item in items:
        if patience.is_over():
            break
        try:
            found.append(read(item))
        except Exception as error:
            log.error("a sample could not be scored", extra={"event": failure(error)})
            found.append(None)
    return found + [None] * (len(items) - len(found))


async def _consult(
    judge: Judge,
    scorer: Scorer,
    samples: Sequence[Sample],
    examined: Sequence[Examined | None],
    patience: Patience,
) -> list[Examined | None]:
    """Ask the judge about the answers that need it, and replace their stance by its reply."""
    asked = [(i, one) for i, one in enumerate(examined) if one and scorer.needs_judge(one)]
    questions = [Question(samples[index].prompt, one.answer) for index, one in asked]
    seconds = patience.deadline - time.monotonic()
    words = await judge.ask(questions, seconds, patience.gone)
    if not patience.abandoned():  # otherwise the questions were cancelled
        _tell_failures(scorer.profile.name, words)
    outcome = list(examined)
    for (index, one), word in zip(asked, words, strict=True):
        if isinstance(word, JudgeError):
            outcome[index] = None
        elif word is not None:
            outcome[index] = one._replace(stance=Stance(word, judge.rule))
    return outcome


def _tell_failures(profile: str, words: Sequence[object]) -> None:
    """Log why the judge failed, and for how many samples; its errors quote nothing."""
    why = Counter(str(word) for word in words if isinstance(word, JudgeError))
    for reason, times in why.items():
        log.error("%s (samples: %d)", reason, times, extra={"event": {"profile": profile}})


def _truth(sample: Sample) -> Labels:
    labels = sample.labels
    return Labels(labels.visual, labels.text, labels.combined)
