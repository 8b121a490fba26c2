"""Settings, pickling and imports, the same for every trainer."""

import pickle
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from app.schema import Labels, Sample
from rules.profile_sections import ExtraComponents
from tests.train_client.service import Service
from train_client.config.errors import ConfigError
from train_client.integrations.for_trl import SafetyReward
from train_client.integrations.rewards import COMPONENTS, Rewards, fallback_given

FOLDER = Path(find_spec("train_client.integrations").submodule_search_locations[0])  # type: ignore


def test_settings_given_come_before_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SAFEGRPO_REWARD_URL", "http://elsewhere:1")
    monkeypatch.setenv("SAFEGRPO_REWARD_BATCH_SIZE", "16")
    monkeypatch.setenv("SAFEGRPO_REWARD_RUN", "exp-12")
    rewards = Rewards(url="http://here:2")
    assert (rewards.config.url, rewards.config.batch_size) == ("http://here:2", 16)
    assert rewards.run == "exp-12"


def test_a_setting_that_is_not_known_is_named() -> None:
    with pytest.raises(ConfigError, match=r"reward\.ulr is no known key; did you mean url"):
        Rewards(ulr="http://here:2")


def test_a_variable_that_is_nearly_a_settings_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the one that holds the key, and those of others."""
    for name in ("API_KEY", "SERVICE_PORT"):
        monkeypatch.setenv(f"SAFEGRPO_REWARD_{name}", "my-secret")
    Rewards(api_key_env="SAFEGRPO_REWARD_API_KEY")
    with pytest.raises(ConfigError, match=r"_API_KEY is no setting; .*_API_KEY_ENV is") as wrong:
        Rewards()
    assert "my-secret" not in str(wrong.value)
    monkeypatch.setenv("SAFEGRPO_REWARD_ULR", "http://here:2")
    with pytest.raises(ConfigError, match=r"SAFEGRPO_REWARD_ULR is no setting; .*_URL is"):
        Rewards(api_key_env="SAFEGRPO_REWARD_API_KEY")


def test_a_fallback_that_is_no_number_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert fallback_given() is None
    monkeypatch.setenv("SAFEGRPO_REWARD_FALLBACK", "0.5")
    assert fallback_given() == 0.5
    monkeypatch.setenv("SAFEGRPO_REWARD_FALLBACK", "zero")
    with pytest.raises(ConfigError, match="SAFEGRPO_REWARD_FALLBACK must be a number"):
        fallback_given()


def test_what_is_pickled_is_settings_alone_after_calls_too(service: Service) -> None:
    reward = SafetyReward("tag", url=service.url, run="exp-12")
    labels = Labels(visual="safe", text="safe", combined="safe")
    reward.rewards.score([Sample(completion="x", labels=labels)]).result(20)
    copy = pickle.loads(pickle.dumps(reward))
    assert copy.rewards.config == reward.rewards.config
    assert (copy.value, copy.__name__, copy.rewards.run) == ("tag", "safegrpo_tag", "exp-12")


def test_no_integration_imports_torch() -> None:
    names = [path.stem for path in FOLDER.glob("*.py") if path.stem not in ("for_ms_swift",)]
    imports = "; ".join(f"import train_client.integrations.{name}" for name in names)
    check = f"import sys; {imports}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_no_integration_hides_a_trainer_when_its_folder_is_on_the_import_path() -> None:
    names = {path.stem for path in FOLDER.glob("*.py")}
    assert not names & {"trl", "verl", "swift", "openrlhf", "slime", "nemo_gym", "torch", "ray"}


def test_every_component_that_a_profile_may_have_can_be_asked_for_by_name() -> None:
    assert set(COMPONENTS) == {"format", "tag", "behavior", *ExtraComponents.model_fields}
