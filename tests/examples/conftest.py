"""A service that rewards a completion with its length, and whose instruction is "Think."."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.train_client.service import Service


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service(lambda text: float(len(text)))
    service.start()
    yield service
    service.kill()
