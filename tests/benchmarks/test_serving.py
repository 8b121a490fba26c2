"""The benchmark's own service and its peer score under every profile that is measured."""

import pytest

from app.schema import RewardRequest
from benchmarks.naive import reward
from benchmarks.offload import scoring
from rules.profile import shipped_profiles


@pytest.mark.parametrize("profile", shipped_profiles())
def test_every_shipped_profile_is_served(profile: str) -> None:
    assert scoring().scorer(profile).profile.name == profile
    assert reward(RewardRequest(profile=profile, samples=[])).profile == profile
