"""The query of a scoring address, as `/slime?profile=paper&run=exp-12`.

It is for trainers whose formats have no place for either.
"""

from urllib.parse import parse_qsl

from app.errors import RequestError
from app.schema import LONGEST_RUN, Problem, RewardRequest

KEYS = ("profile", "run")


def with_query(batch: RewardRequest, query: bytes) -> RewardRequest:
    """The batch with the profile and run that the query names.

    Raises:
        RequestError: 422, a key is not known, or its value cannot be used or is given elsewhere.
    """
    given: dict[str, str] = {}
    for key, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if key not in KEYS:
            known = " and ".join(KEYS)
            raise _refused("the query", f"holds a key that is not known; there are {known}")
        if key in given or getattr(batch, key) is not None:
            raise _refused(key, "is given twice; leave it out of the query or of the body")
        given[key] = value
    if len(given.get("run", "")) > LONGEST_RUN:
        raise _refused("run", f"must be a name of at most {LONGEST_RUN} characters")
    return batch.model_copy(update=given)


def _refused(field: str, message: str) -> RequestError:
    problem = Problem(field=field, sample=None, message=message)
    return RequestError(422, f"{field} {message}", [problem])
