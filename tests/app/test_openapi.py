"""The service keeps to its own documentation, whatever a generator of requests comes up with."""

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case

from app.server import create_app
from app.settings import Settings
from tests.app.local import SCORING

schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(Settings(), SCORING))


@schema.parametrize()
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_reply_is_as_documented(case: Case) -> None:
    case.call_and_validate()
