"""When the service is asked again, and how long is waited first."""

from __future__ import annotations

import httpx

from train_client.reward.retry import Backoff, retryable


def test_retry_after_dates_are_read() -> None:
    past = {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}
    assert retryable(httpx.Response(503, headers=past)) == (True, 0.0)
    for nonsense in ("soon", "1 Jan 99999999999 0:0:0 GMT"):
        assert retryable(httpx.Response(503, headers={"Retry-After": nonsense})) == (True, None)
    assert retryable(httpx.Response(422, headers={"Retry-After": "9"})) == (False, None)


def test_backoff_grows_to_its_limit_with_jitter() -> None:
    backoff = Backoff(seed=1)
    waits = [backoff.next() for _ in range(12)]
    for tries, wait in enumerate(waits):
        longest = min(0.2 * 2**tries, 10)
        assert longest / 2 <= wait <= longest
    assert len(set(waits[-3:])) == 3
    assert backoff.next(at_least=60) == 60


def test_a_service_may_be_away_for_days() -> None:
    backoff = Backoff()
    backoff.tries = 100_000
    assert 5 <= backoff.next() <= 10
