"""Every search by a pattern ends at the time limit in force."""

import time
from collections.abc import Callable

import pytest

from rules.stance.time_limit import within
from rules.stance.timed_pattern import IGNORECASE, PatternError, TimedPattern
from tests.rules.stance.slow import SLOW

TEXT = "I can't help with that, because somebody could be badly hurt."
SEARCHES: dict[str, Callable[[], object]] = {
    "search": lambda: SLOW.search(TEXT),
    "match": lambda: SLOW.match(TEXT),
    "fullmatch": lambda: SLOW.fullmatch(TEXT),
    "finditer": lambda: list(SLOW.finditer(TEXT)),
    "findall": lambda: SLOW.findall(TEXT),
    "split": lambda: SLOW.split(TEXT),
    "sub": lambda: SLOW.sub("", TEXT),
}


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
def test_a_slow_search_ends_at_the_limit(search: Callable[[], object]) -> None:
    start = time.perf_counter()
    with pytest.raises(TimeoutError):
        within(0.01, search)
    assert time.perf_counter() - start < 0.9  # the default is 1 s


def test_a_slow_search_ends_where_no_limit_is_set() -> None:
    start = time.process_time()
    with pytest.raises(TimeoutError):
        SLOW.search(TEXT)
    assert 0.9 < time.process_time() - start < 10


def test_a_pattern_finds_what_it_finds_without_a_limit() -> None:
    vowel = TimedPattern("[aeiou]", IGNORECASE)
    assert vowel.pattern == "[aeiou]"
    found = vowel.search("The EU")
    assert found is not None
    assert found.span() == (2, 3)
    assert vowel.match("The EU") is None
    assert vowel.match("EU") is not None
    assert vowel.fullmatch("EU") is None
    assert vowel.fullmatch("E") is not None
    assert [match.start() for match in vowel.finditer("The EU")] == [2, 4, 5]
    assert vowel.findall("The EU") == ["e", "E", "U"]
    assert vowel.split("The EU") == ["Th", " ", "", ""]
    assert vowel.sub("-", "The EU") == "Th- --"
    assert vowel.sub(lambda match: match[0].lower(), "The EU", count=2) == "The eU"


def test_a_pattern_that_is_none_is_an_error() -> None:
    with pytest.raises(PatternError):
        TimedPattern("(")
