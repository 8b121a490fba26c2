"""Counts what the service does, in the metrics of `metric_families`.

A worker counts in memory and publishes its counts (`publish`) at each heartbeat and when it ends;
`exposition` adds up what all workers have published.
"""

import platform
from collections import Counter as Multiset
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version

from app import metric_families as families
from app.admission import Admission
from app.open_groups import Settled
from app.schema import RewardRequest, Sample
from app.tally import Tallies
from grammar import SECTION_NAMES
from rules.reward import Score, Scorer

tallies = Tallies()
_batches, _queue_waits, _computes = map(
    tallies.series, (families.BATCH, families.QUEUE_WAIT, families.COMPUTE)
)


def announce(scorers: list[Scorer], admission: Admission) -> None:
    """Publish what does not change: the build, the reward versions, the bounds."""
    families.BUILD_INFO.labels(version("safegrpo"), platform.python_version()).set(1)
    for scorer in scorers:
        families.PROFILE_INFO.labels(scorer.profile.name, scorer.version).set(1)
    families.LIMIT_BYTES.set(admission.max_bytes)
    families.LIMIT_SAMPLES.set(admission.max_samples)
    families.WORKERS.set(1)
    families.START_TIME.set_to_current_time()


def publish(admission: Admission, in_flight: int) -> None:
    """Publish what was counted since the last call, and the current load."""
    with tallies.lock:
        for (scorer, run, outcome), times in _outcomes.items():
            _count_outcome(scorer, run, outcome, times)
        _outcomes.clear()
        tallies.flush()
    families.IN_FLIGHT.set(in_flight)
    families.QUEUE_BYTES.set(admission.bytes)
    families.QUEUE_SAMPLES.set(admission.samples)


def answered(protocol: str, status: int, seconds: float) -> None:
    """Count a scoring request that got a reply, whatever it was."""
    tallies.observe(families.LATENCY, seconds, protocol, str(status))


def rejected(status: int, reason: str) -> None:
    """Count a request that got no rewards."""
    tallies.count(families.REJECTED, str(status), reason)


def unscored(profile: str, samples: int) -> None:
    """Count the unscored samples of a request that was refused because of them."""
    tallies.count(families.SAMPLES, profile, "service_error", amount=samples)


def timed(phases: Mapping[str, float]) -> None:
    """Count the seconds of a request that got rewards: queue wait, and compute."""
    queue = phases["queue"]
    with tallies.lock:
        _queue_waits.add(queue)
        _computes.add(sum(phases.values()) - queue)


def captured(outcome: str, samples: int) -> None:
    """Count samples that the capture has `written` or `dropped`."""
    tallies.count(families.CAPTURED, outcome, amount=samples)


_Outcome = tuple[
    str,  # status
    float | None,  # reward
    tuple[float | None, ...],  # components
    str | None,  # failure code
    str | None,  # stance
    tuple[str, str, str],  # labels
    tuple[str | None, ...],  # verdicts
]
"""All that the metrics distinguish about a sample; most samples share one with others."""

_NO_VERDICTS = (None, None, None)

_outcomes: Multiset[tuple[Scorer, str, _Outcome]] = Multiset()
"""Samples scored since the last heartbeat, by profile and run; guarded by `tallies.lock`."""


def record(scorer: Scorer, batch: RewardRequest, scores: list[Score], run: str) -> None:
    """Count a scored batch; `run` is its run's label."""
    profile, samples = scorer.profile.name, batch.samples
    with tallies.lock:
        _batches.add(len(samples))
        lengths = tallies.series(families.LENGTH, profile, run)
        lengths.extend([len(sample.completion) for sample in samples])
        pairs = zip(samples, scores, strict=True)
        _outcomes.update([(scorer, run, _outcome(sample, score)) for sample, score in pairs])
    if batch.step is not None and batch.run:
        families.RUN_STEP.labels(profile, run).set(batch.step)


def grouped(groups: Iterable[Settled]) -> None:
    """Count groups that are complete."""
    for profile, run, group in groups:
        for kind in group.kinds():
            tallies.count(families.GROUPS, profile, run, kind)


def _outcome(sample: Sample, score: Score) -> _Outcome:
    status, reward, components, _, verdicts, stance, failure = score
    labels = sample.labels
    return (
        status,
        reward,
        tuple(components.values()),
        None if failure is None else failure.code,
        None if stance is None else stance.kind,
        (labels.visual, labels.text, labels.combined),
        _NO_VERDICTS if verdicts is None else tuple(verdicts.values()),
    )


def _count_outcome(scorer: Scorer, run: str, outcome: _Outcome, times: int) -> None:
    profile = scorer.profile.name
    status, reward, components, failure, stance, labels, verdicts = outcome
    tallies.count(families.SAMPLES, profile, status, amount=times)
    if reward is None:
        return
    paid, below_zero = _by_sign(reward)
    tallies.observe(families.REWARD, paid, profile, times=times)
    tallies.observe(families.RUN_REWARD, paid, profile, run, times=times)
    tallies.count(families.REWARD_BELOW_ZERO, profile, run, amount=below_zero * times)
    for name, value in zip(scorer.component_names, components, strict=True):
        paid, below_zero = _by_sign(value or 0.0)
        tallies.observe(families.COMPONENT, paid, profile, run, name, times=times)
        tallies.count(families.COMPONENT_BELOW_ZERO, profile, run, name, amount=below_zero * times)
    if failure is not None:
        tallies.count(families.FAILURES, profile, run, failure, amount=times)
    for name, label, verdict in zip(SECTION_NAMES, labels, verdicts, strict=True):
        tallies.count(families.VERDICTS, profile, run, name, label, verdict or "none", amount=times)
    tallies.count(families.TRIPLES, profile, run, _triple(verdicts), amount=times)
    tallies.count(families.STANCES, profile, run, labels[-1], stance or "none", amount=times)


def _by_sign(value: float) -> tuple[float, float]:
    """The positive and the negative part of a value, both without sign."""
    return max(value, 0.0), max(-value, 0.0)


def _triple(verdicts: Sequence[str | None]) -> str:
    """`safe/safe/unsafe`; `none` where the completion has no verdicts."""
    given = [verdict or "none" for verdict in verdicts]
    return "none" if set(given) == {"none"} else "/".join(given)
