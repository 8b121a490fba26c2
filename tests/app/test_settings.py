"""Settings: where they come from, and what is said of wrong ones."""

import pickle
from importlib.resources import files
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsError

from app.settings import Settings
from rules.profile import load_profile
from tests.app.judged import judged_profile
from tests.documentation import PAGES, named, rows


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"port": 70_000}, "port"),
        ({"port": -1}, "port"),
        ({"workers": 0}, "workers"),
        ({"max_samples": 0}, "max_samples"),
        ({"max_characters": 0}, "max_characters"),
        ({"max_body_bytes": 1023}, "max_body_bytes"),
        ({"deadline_seconds": 0}, "deadline_seconds"),
        ({"keep_alive_seconds": 10**9}, "keep_alive_seconds"),
        ({"grace_seconds": 10**9}, "grace_seconds"),
        ({"deadline_seconds": float("inf")}, "deadline_seconds"),
        ({"keep_alive_seconds": 0}, "keep_alive_seconds"),
        ({"drain_seconds": -1}, "drain_seconds"),
        ({"grace_seconds": 0}, "grace_seconds"),
        ({"max_runs": -1}, "max_runs"),
        ({"queue_bytes": 2048}, "queue_bytes must be at least max_body_bytes"),
        ({"max_samples": 70_000}, "queue_samples must be at least max_samples"),
        ({"deadline_seconds": 36}, "grace_seconds must be at least deadline_seconds"),
        ({"tls_key": __file__}, "tls_certificate and tls_key go together"),
        ({"tls_key": __file__, "tls_certificate": __file__}, "is not what it should be"),
        ({"tls_client_ca": __file__}, "tls_client_ca needs tls_certificate"),
        ({"api_keys_file": "/nowhere"}, "api_keys_file"),
        ({"api_keys": ""}, "api_keys"),
        ({"api_keys": ["one", ""]}, "api_keys"),
        ({"metrics_key": ""}, "metrics_key"),
        ({"host": ""}, "host"),
        ({"capture_folder": __file__}, "cannot be written"),
        ({"capture_folder": ""}, "capture_folder"),
        ({"log_level": "loud"}, "log_level"),
        ({"capture_share": 2}, "capture_share"),
        ({"capture_share": 0}, "capture_share"),
        ({"capture_share": 0.5}, "capture_share and capture_max_bytes are of capture_folder"),
        ({"capture_max_bytes": 2**20 - 1}, "capture_max_bytes must be at least 1 MiB for each"),
        ({"capture_max_bytes": 2**20, "workers": 2}, "capture_max_bytes must be at least 1 MiB"),
        ({"workerz": 2}, "workerz"),
    ],
)
def test_a_wrong_setting_is_named(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Settings(**wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_the_log_level_may_be_written_in_any_case() -> None:
    assert Settings(log_level="WARNING").log_level == "warning"


def test_flags_go_before_variables_and_variables_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "service.yaml"
    file.write_text("workers: 3\nport: 1000\nmax_samples: 7\n")
    monkeypatch.setenv("SAFEGRPO_CONFIG", str(file))
    monkeypatch.setenv("SAFEGRPO_PORT", "2000")
    monkeypatch.setenv("SAFEGRPO_WORKERS", "2")
    settings = Settings(workers=1)
    assert (settings.workers, settings.port, settings.max_samples) == (1, 2000, 7)


def test_a_variable_that_is_nearly_a_settings_is_refused_and_others_variables_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others = ("SERVICE_PORT", "PORT_8700_TCP", "REWARD_URL", "REWARD_PROFILE", "X")
    for name in others:  # Kubernetes' for a service `safegrpo`, and the training client's
        monkeypatch.setenv(f"SAFEGRPO_{name}", "x")
    Settings()
    for name in ("SAFEGRPO_API_KEY", "safegrpo_api_key"):  # they are read in any case
        monkeypatch.setenv(name, "my-secret")
        with pytest.raises(SettingsError, match=f"{name} is no setting") as wrong:
            Settings()
        assert "my-secret" not in str(wrong.value)
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    "content", [b"port: [", b"- port", b"port", b"1", b"\xff\xfe", b"port: \0"]
)
def test_a_file_that_holds_no_settings_is_named_and_not_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    file = tmp_path / "service.yaml"
    file.write_bytes(b"# my-secret\n" + content)
    monkeypatch.setenv("SAFEGRPO_CONFIG", str(file))
    with pytest.raises(SettingsError, match=r"service\.yaml") as wrong:
        Settings()
    assert "my-secret" not in str(wrong.value)


def test_a_key_that_the_file_gives_twice_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "service.yaml"
    file.write_text("workers: 1\nport: 1000\nworkers: 2\n")
    monkeypatch.setenv("SAFEGRPO_CONFIG", str(file))
    with pytest.raises(SettingsError, match=r"service\.yaml, line 3: the key 'workers' is given"):
        Settings()


def test_several_workers_need_a_temporary_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError

    monkeypatch.setattr("tempfile.gettempdir", none)
    Settings(workers=1)
    with pytest.raises(ValidationError, match="set TMPDIR"):
        Settings(workers=2)


def test_a_worker_that_starts_later_serves_the_profile_as_it_was(tmp_path: Path) -> None:
    source = Path(judged_profile(tmp_path, "http://localhost/v1"))
    settings = Settings(profile=str(source))
    version = load_profile(str(source)).version
    source.write_text(source.read_text().replace("release: 1.0.0", "release: 2.0.0"))
    late: Settings = pickle.loads(pickle.dumps(settings))
    assert late.default_profile.version == version


def test_two_profiles_of_one_name_are_refused(tmp_path: Path) -> None:
    """A request for `safegrpo` would be paid by the file of that name, were it the default too."""
    mine = tmp_path / "mine.yaml"
    shipped = files("rules").joinpath("profiles", "safegrpo.yaml").read_text()
    changed = shipped.replace("{tag: 0.5, behavior: 0.5}", "{tag: 0.1, behavior: 0.9}")
    mine.write_text(changed)
    for given in ({"profiles": (str(mine),)}, {"profile": str(mine)}):
        with pytest.raises(ValidationError, match="two profiles have the name 'safegrpo'"):
            Settings(**given)
    mine.write_text(changed.replace("name: safegrpo", "name: mine"))
    assert Settings(profile=str(mine), profiles=(str(mine),)).default_profile.weights.tag == 0.1


def test_a_judge_without_its_key_is_told_of_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = judged_profile(tmp_path, "http://localhost/v1")
    judged = (
        Path(source).read_text().replace("retries", "api_key_variable: THE_JUDGES_KEY, retries")
    )
    Path(source).write_text(judged)
    monkeypatch.setenv("THE_JUDGES_KEY", "x")
    Settings(profile=source)
    monkeypatch.delenv("THE_JUDGES_KEY")
    with pytest.raises(ValidationError, match="export THE_JUDGES_KEY"):
        Settings(profile=source)


def test_keys_come_from_the_variable_and_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keys"
    file.write_text("# of the cluster\nkey-3\n\n key-4 \n")
    monkeypatch.setenv("SAFEGRPO_API_KEYS", "key-1, key-2\n")
    monkeypatch.setenv("SAFEGRPO_METRICS_KEY", "key-0\n")  # as from a Kubernetes secret of a file
    settings = Settings(api_keys_file=file)
    assert settings.accepted_keys == ["key-1", "key-2", "key-3", "key-4"]
    assert settings.metrics_key == SecretStr("key-0")
    assert "key-1" not in repr(settings)
    file.write_bytes(b"\xef\xbb\xbfkey-5\r\nkey-6\r\n")  # as Windows' editors write it
    assert Settings(api_keys_file=file).accepted_keys[2:] == ["key-5", "key-6"]


@pytest.mark.parametrize(
    ("content", "says"), [(b"# none\n", "has no keys"), (b"my-secret\xff", "is not text in UTF-8")]
)
def test_a_file_without_keys_is_refused_and_not_quoted(
    tmp_path: Path, content: bytes, says: str
) -> None:
    file = tmp_path / "keys"
    file.write_bytes(content)
    with pytest.raises(ValidationError, match=f"api_keys_file {says}") as wrong:
        Settings(api_keys_file=file)
    assert "my-secret" not in str(wrong.value)


def test_a_worker_that_starts_later_takes_the_keys_as_they_were(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("key-1\n")
    settings = Settings(api_keys_file=file)
    file.unlink()
    late: Settings = pickle.loads(pickle.dumps(settings))
    assert late.accepted_keys == ["key-1"]


def test_the_operations_page_lists_every_setting_but_the_file_that_holds_them() -> None:
    table = rows(PAGES / "operations.md", "## Settings")
    listed = [name for cells in table for name in named(cells[0])]
    assert sorted(listed) == sorted(Settings.model_fields.keys() - {"config"})
