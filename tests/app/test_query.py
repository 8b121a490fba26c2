"""What the query of an address may name, for trainers whose formats have no place for it."""

import json

import httpx
import pytest

from app.errors import RequestError
from app.query import with_query
from app.schema import RewardRequest
from tests.app.local import ask
from tests.app.serving import LABELS_UNSAFE
from tests.rules.completions import unsafe

BATCH = RewardRequest(samples=[])


@pytest.mark.parametrize(
    ("query", "profile", "run"),
    [
        (b"profile=paper", "paper", None),
        (b"run=exp-12&profile=paper", "paper", "exp-12"),
        (b"run=a%20run+of+mine%2F%C3%A9", None, "a run of mine/é"),
    ],
)
def test_it_names_the_profile_and_the_run(
    query: bytes, profile: str | None, run: str | None
) -> None:
    found = with_query(BATCH, query)
    assert (found.profile, found.run) == (profile, run)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (b"porfile=secret", "the query holds a key that is not known; there are profile and run"),
        (b"secret", "the query holds a key that is not known; there are profile and run"),
        (b"run=a&run=secret", "`run` is given twice"),
        (b"run=" + b"secret" * 50, "`run` must be a name of at most 256 characters"),
    ],
)
def test_what_cannot_be_used_is_refused_without_an_echo(query: bytes, says: str) -> None:
    with pytest.raises(RequestError, match=says) as raised:
        with_query(BATCH, query)
    assert raised.value.status == 422
    assert "secret" not in raised.value.reply.model_dump_json()


def test_what_the_body_names_is_not_named_again() -> None:
    batch = RewardRequest(samples=[], profile="paper")
    assert with_query(batch, b"run=a").profile == "paper"
    with pytest.raises(RequestError, match="`profile` is given twice"):
        with_query(batch, b"profile=paper")


@pytest.mark.parametrize(("query", "status"), [("?profile=nothing", 422), ("?profil=paper", 422)])
def test_a_trainer_with_a_wrong_address_is_told(query: str, status: int) -> None:
    assert slime(query).status_code == status


def test_a_trainers_address_chooses_among_the_profiles() -> None:
    queries = ("", "?profile=paper", "?profile=official")
    default, paper, official = map(slime, queries)
    versions = {reply.headers["X-Reward-Version"] for reply in (default, paper, official)}
    assert len(versions) == 3
    assert (default.json()["reward"], official.json()["reward"]) == (1.0, 0.0)  # the other dialect


def slime(query: str) -> httpx.Response:
    body = {"prompt": "", "response": unsafe(), "label": json.dumps(LABELS_UNSAFE)}
    return ask(lambda client: client.post(f"/slime{query}", json=body))
