"""One good run that all tests of this folder tamper with, each with its own copy."""

import pytest

import agentmesh as am
from tests.causality.tampering import Recorded
from tests.replay import random_programs

_WORK: list[random_programs.Operation] = [
    {"op": "tool", "ms": 1, "fail": False},
    {"op": "sleep", "ms": 1},
    {"op": "count"},
]
_OPERATIONS: list[random_programs.Operation] = [
    {"op": "ask", "agent": "Left", "key": "a", "body": _WORK},
    {"op": "ask", "agent": "Left", "key": "a", "body": _WORK},
    {"op": "tell", "key": "b", "body": [{"op": "log"}]},
    {"op": "tell", "key": "b", "body": [{"op": "log"}]},
    {"op": "stream", "key": "a", "body": [{"op": "count"}, {"op": "count"}], "take": 3},
    {
        "op": "catch",
        "body": [{"op": "ask", "agent": "Right", "key": "b", "body": [{"op": "fail"}]}],
    },
    {"op": "timeout", "ms": 5, "body": [{"op": "sleep", "ms": 2000}]},
    {"op": "timeout", "ms": 5, "body": [{"op": "tool", "ms": 2000, "fail": False}]},
]


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A run with asks, tells, a stream, a failure, tools and timers, ended and cancelled."""
    store = tmp_path_factory.mktemp("good")
    program = random_programs.Program(operations=_OPERATIONS)
    am.run(random_programs.one, program, local=True, store=str(store), run_id="good", quiet=True)
    return Recorded(store, "good")
