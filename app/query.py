"""The query of a scoring address, as `/slime?profile=paper&run=exp-12`.

It is for trainers whose formats have no place for either.
"""

from urllib.parse import parse_qsl

from app.errors import wrong_field
from app.schema import LONGEST_RUN, RewardRequest

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
            message = f"the query holds a key that is not known; there are {known}"
            raise wrong_field("the query", None, message)
        if key in given or getattr(batch, key) is not None:
            message = f"`{key}` is given twice; leave it out of the query or of the body"
            raise wrong_field(key, None, message)
        given[key] = value
    if len(given.get("run", "")) > LONGEST_RUN:
        raise wrong_field("run", None, f"`run` must be a name of at most {LONGEST_RUN} characters")
    return batch.model_copy(update=given)
