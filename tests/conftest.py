"""What all tests share: property tests have no deadline, since machines are noisy."""

from hypothesis import settings

settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
