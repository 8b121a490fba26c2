"""Contracts: the trainers' own code, as their users install it, against a real server of ours.

Run by `make contracts`, in an environment of their own. Nothing here imitates a trainer: what a
test calls is the class or function that the trainer itself calls.
"""

import os
from collections.abc import Iterator

import httpx
import pytest

# Before any trainer is imported: no hub, no accelerator, no telemetry.
os.environ.update(HF_HUB_OFFLINE="1", CUDA_VISIBLE_DEVICES="", WANDB_MODE="disabled")

from tests.app.protocols.services import client, without_judge


@pytest.fixture(scope="session")
def service() -> Iterator[httpx.Client]:
    """A server; its address is `base_url`."""
    with client() as made:
        yield made


@pytest.fixture(scope="session")
def judgeless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server with the profile `judged`, whose judge is never there to tell of `UNSCORABLE`."""
    with without_judge(tmp_path_factory.mktemp("profile")) as made:
        yield made


@pytest.fixture(scope="session")
def keyed() -> Iterator[str]:
    """The address of a server that wants a key, `%s` standing for the path; it names the key, a run
    and a profile that pays the contracts' completions, unlike the server's default.
    """
    with client("--api-keys", "a-key", "--profile", "paper") as made:
        yield f"http://a-key@{made.base_url.netloc.decode()}%s?profile=safegrpo&run=exp-12"


@pytest.fixture
def url(service: httpx.Client) -> str:
    return address(service)


def address(service: httpx.Client) -> str:
    return str(service.base_url).rstrip("/")
