"""The service keeps to its own documentation, whatever a generator of requests comes up with."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.specs.openapi.checks import positive_data_acceptance

from app.protocols import PROTOCOLS
from tests.app.local import ask
from tests.app.serving import server

ROWS = {protocol.path for protocol in PROTOCOLS}


async def _documentation(client: httpx.AsyncClient) -> dict[str, Any]:
    document: dict[str, Any] = (await client.get("/openapi.json")).json()
    return document


schema = schemathesis.openapi.from_dict(ask(_documentation))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with server() as (address, _):
        yield address


@schema.parametrize()
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_reply_is_as_documented(case: Case, address: str) -> None:
    # Rows of other trainers may hold labels in ways that no schema says.
    unsaid = [positive_data_acceptance] if case.path in ROWS else []
    case.call_and_validate(base_url=address, excluded_checks=unsaid)
