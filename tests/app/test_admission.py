"""The bound on what is held: who is turned away at it, and when there is room again."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.admission import Admission
from app.errors import RequestError


def test_beyond_the_bound_a_request_is_told_to_come_back() -> None:
    admission = Admission(max_bytes=100, max_samples=10)
    with admission.ticket() as first, admission.ticket() as second:
        first.hold(60, 6)
        for bytes_, samples, reason in ((41, 0, "overload_bytes"), (0, 5, "overload_samples")):
            with pytest.raises(RequestError) as refused:
                second.hold(bytes_, samples)
            assert refused.value.status == 429
            assert refused.value.reason == reason
            assert int(refused.value.headers["Retry-After"]) >= 1
        second.hold(40, 4)


def test_what_a_request_held_is_free_again() -> None:
    admission = Admission(max_bytes=100, max_samples=10)
    with admission.ticket() as ticket:
        ticket.hold(60, 6)
        ticket.hold(40, 4)
        with pytest.raises(RequestError):
            ticket.hold(1)
    assert (admission.bytes, admission.samples) == (0, 0)


class Slow(int):
    """A bound that is compared so slowly that another thread comes in between."""

    def __lt__(self, held: int) -> bool:
        time.sleep(0.02)
        return int(self) < held


def test_threads_that_come_together_do_not_both_get_the_last_place() -> None:
    admission = Admission(max_bytes=Slow(100), max_samples=10)

    def taken(_: int) -> bool:
        try:
            admission.take(60, 0)
        except RequestError:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(taken, range(2))) == [False, True]
