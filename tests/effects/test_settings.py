"""What is gathered when a run starts: never a key, always valid."""

import asyncio

import pytest

from agentmesh.effects import settings
from agentmesh.effects.endpoints import UNRESOLVED, endpoint
from agentmesh.errors import UsageError
from agentmesh.sdk.workflow import workflow
from tests.effects.harness import run_and_replay


def test_settings_come_from_the_environment_and_explicit_ones_win():
    """Of the key only that there is one."""
    environ = {
        "OPENAI_BASE_URL": "http://localhost:1/v1/",
        "OPENAI_MODEL": "m",
        "OPENAI_API_KEY": "sk-1",
        "OTHER": "x",
    }

    assert settings.collect(environ=environ) == {
        "OPENAI_BASE_URL": "http://localhost:1/v1",
        "OPENAI_MODEL": "m",
        "OPENAI_API_KEY_SET": "yes",
    }
    assert settings.collect({"OPENAI_MODEL": "n"}, environ)["OPENAI_MODEL"] == "n"
    assert settings.collect(environ={}) == {"OPENAI_API_KEY_SET": "no"}


@pytest.mark.parametrize(
    ("explicit", "what"),
    [
        ({"OPENAI_API_KEY": "sk-1"}, "Set OPENAI_API_KEY in the environment"),
        ({"OPENAI_BASE_URL": "localhost:8000"}, "no URL of an API"),
        ({"OPENAI_BASE_URL": "https://u:p@h/v1"}, "user name or password"),
    ],
)
def test_settings_that_cannot_work_are_refused_and_not_repeated(explicit, what):
    """An error must not print the secret it complains about."""
    with pytest.raises(UsageError, match=what) as caught:
        settings.collect(explicit, {})
    assert "sk-1" not in str(caught.value)
    assert ":p@" not in str(caught.value)


def test_the_public_api_is_the_default_with_a_key():
    """As for the SDK itself."""
    assert settings.base_url_of({"OPENAI_API_KEY_SET": "yes"}) == "https://api.openai.com/v1"


def test_the_simulator_brings_its_model():
    """So that the demo needs no further setting."""
    assert settings.model_of({"OPENAI_SIMULATED": "yes"}) == "sim-small"
    assert settings.model_of(settings.simulated("http://h/v1")) == "sim-small"


def test_an_endpoint_tells_frameworks_where_the_model_is():
    """In a run from its settings; outside it stays open until it is used."""

    @workflow
    async def asks() -> list[str]:
        found = endpoint()
        return [found.base_url, found.api_key, found.model]

    chosen = settings.simulated("http://127.0.0.1:1/v1")

    assert run_and_replay(asks, settings=chosen) == [
        "http://127.0.0.1:1/v1",
        "agentmesh-env:OPENAI_API_KEY",
        "sim-small",
    ]
    assert endpoint(model="m").base_url == UNRESOLVED
    assert asyncio.run(_here()) == {"OPENAI_API_KEY_SET": "no"}


async def _here() -> dict[str, str]:
    return dict(settings.here())
