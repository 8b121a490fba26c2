"""One server of each kind for all of the protocols' tests."""

from collections.abc import Iterator

import httpx
import pytest

from tests.app.protocols.services import client, without_judge


@pytest.fixture(scope="package")
def service() -> Iterator[httpx.Client]:
    with client() as made:
        yield made


@pytest.fixture(scope="package")
def judgeless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with without_judge(tmp_path_factory.mktemp("profile")) as made:
        yield made
