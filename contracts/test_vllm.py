"""What the tests' small vLLM pretends to be, compared with vLLM's own source.

    make contracts VLLM=FOLDER

FOLDER holds the package `vllm`: a checkout, or the unpacked wheel of a release. Nothing of it is
imported, since vLLM wants a GPU's libraries for that.
"""

import ast
import inspect
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from contracts.test_checkouts import checkout
from tests.train_client import vllm_standin


@pytest.fixture(scope="module")
def source() -> Path:
    return checkout("VLLM") / "vllm"


def class_in(path: Path, name: str) -> ast.ClassDef:
    tree = ast.parse(path.read_text())
    return next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name)


def parameters(of: ast.ClassDef, method: str) -> dict[str, str]:
    """Name -> default as it is written, of all parameters."""
    function = next(n for n in of.body if isinstance(n, ast.FunctionDef) and n.name == method)
    given = function.args
    plain = [*given.posonlyargs, *given.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults))
    pairs = zip(
        [*plain, *given.kwonlyargs], [*defaults, *given.defaults, *given.kw_defaults], strict=True
    )
    return {one.arg: "" if default is None else ast.unparse(default) for one, default in pairs}


def field_defaults(of: ast.ClassDef) -> dict[str, str]:
    return {
        node.target.id: "" if node.value is None else ast.unparse(node.value)
        for node in of.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def ours(function: Callable[..., Any]) -> dict[str, str]:
    return {
        name: "" if p.default is inspect.Parameter.empty else repr(p.default)
        for name, p in inspect.signature(function).parameters.items()
        if p.kind is not inspect.Parameter.VAR_KEYWORD
    }


@pytest.mark.parametrize("method", ["__init__", "generate", "collective_rpc", "sleep", "wake_up"])
def test_the_stand_in_takes_what_vllm_takes(source: Path, method: str) -> None:
    theirs = parameters(class_in(source / "entrypoints/llm.py", "LLM"), method)
    fake = ours(getattr(vllm_standin.LLM, method))
    assert fake.keys() <= theirs.keys()
    given = {name: default for name, default in fake.items() if default}
    assert {name: theirs[name].replace('"', "'") for name in given} == given


@pytest.mark.parametrize(
    "option",
    ["max_model_len", "enable_sleep_mode", "logprobs_mode", "distributed_executor_backend"],
)
def test_an_option_of_the_engine_is_one_of_vllms(source: Path, option: str) -> None:
    assert option in field_defaults(class_in(source / "engine/arg_utils.py", "EngineArgs"))


def test_the_values_of_these_options_are_vllms(source: Path) -> None:
    config = "".join((source / f"config/{name}.py").read_text() for name in ("model", "parallel"))
    for value in ("processed_logprobs", "external_launcher", "uni"):
        assert f'"{value}"' in config


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("sampling_params.py", "SamplingParams"),
        ("outputs.py", "CompletionOutput"),
        ("logprobs.py", "Logprob"),
    ],
)
def test_records_have_the_fields_of_vllms(source: Path, path: str, name: str) -> None:
    theirs = field_defaults(class_in(source / path, name))
    for field in fields(getattr(vllm_standin, name)):
        assert field.name in theirs
        if field.default is not inspect.Parameter.empty and isinstance(field.default, int | float):
            assert theirs[field.name] == repr(field.default)


def test_a_reply_has_the_tokens_of_its_prompt(source: Path) -> None:
    theirs = parameters(class_in(source / "outputs.py", "RequestOutput"), "__init__")
    assert {f.name for f in fields(vllm_standin.RequestOutput)} <= theirs.keys()


@pytest.mark.parametrize("runner", ["gpu_model_runner.py", "gpu/model_runner.py"])
def test_weights_are_reloaded_from_an_iterator(source: Path, runner: str) -> None:
    """By either model runner; the worker passes on whatever it is given."""
    worker = class_in(source / "v1/worker/gpu_worker.py", "Worker")
    assert any(isinstance(n, ast.FunctionDef) and n.name == "reload_weights" for n in worker.body)
    theirs = parameters(class_in(source / "v1/worker" / runner, "GPUModelRunner"), "reload_weights")
    assert ours(vllm_standin.Worker.reload_weights).keys() <= theirs.keys()


def test_a_completion_ends_for_the_reasons_that_the_engine_knows(source: Path) -> None:
    reasons = (source / "v1/engine/__init__.py").read_text()
    assert 'FINISH_REASON_STRINGS = ("stop", "length", ' in reasons
