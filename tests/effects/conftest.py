"""Model servers for the tests of effects, and runs against them that are replayed at once."""

import pytest

from agentmesh.effects import settings
from agentmesh.testing.models import (
    ModelServer,
)
from tests.effects.harness import Ended, run
from tests.effects.model_server import KEY, RULES


@pytest.fixture(scope="module")
def server():
    with ModelServer(rules=RULES, seed=1) as running:
        yield running


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def go(server, key, monkeypatch):
    """Run a workflow against the server, then replay it as on a machine without any settings."""

    def runs(flow, **options) -> Ended:
        options.setdefault("settings", settings.simulated(server.base_url))
        ended = run(flow, **options)
        with monkeypatch.context() as bare:
            bare.delenv("OPENAI_API_KEY")
            before = server.requests.total
            ended.replay()
            assert server.requests.total == before
        assert KEY not in ended.text()
        return ended

    return runs


@pytest.fixture
def converse():
    """Run against a server with these rules, check the replay; return the run and requests."""

    def runs(flow, *rules, **options):
        with ModelServer(rules=rules, seed=1) as server:
            ended = run(flow, settings=settings.simulated(server.base_url), **options)
            bodies = [dict(each.body or {}) for each in server.requests]
            ended.replay()
        return ended, bodies

    return runs
