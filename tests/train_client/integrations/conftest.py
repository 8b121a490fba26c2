"""A service that rewards a completion with its length, and a row's labels."""

from collections.abc import Iterator

import pytest

from tests.train_client.service import Service
from train_client.integrations import rewards

TAGS = {"image_tag": "safe", "text_tag": "unsafe", "combine_tag": "unsafe"}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Reached without settings: its address is in the environment, which is read anew."""
    rewards._by_settings.clear()
    rewards._warn_of_missing_prompts.cache_clear()
    service = Service(lambda text: float(len(text)), tag_share=0.25)
    service.start()
    monkeypatch.setenv("SAFEGRPO_REWARD_URL", service.url)
    yield service
    service.kill()
