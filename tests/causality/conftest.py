"""One good run that all tests of this folder tamper with, each with its own copy."""

from pathlib import Path

import pytest

import agentmesh as am
from tests.causality.market import ADA_FIRST, BEN_FIRST, BLOCKED, Market, record
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


@pytest.fixture(scope="session")
def markets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with runs of one program: `ben`, `ben-again`, `ada`, `bob`, `blocked`."""
    store = tmp_path_factory.mktemp("markets")
    for run_id, market in {
        "ben": Market(places=BEN_FIRST),
        "ben-again": Market(places=BEN_FIRST),
        "ada": Market(places=ADA_FIRST),
        "bob": Market(places={**BEN_FIRST, "Bob": 2}),
        "blocked": Market(places={"Ada": BLOCKED, "Ben": 0}),
    }.items():
        record(store, run_id, market)
    return store
