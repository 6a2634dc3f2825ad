"""What events are, in any run: the columns that a page aligns two runs by."""

import json
import struct
from array import array

from agentmesh.viewer.server import ViewServer
from tests.viewer.asking import ask, columns

NAMES = ["identity", "content", "doings"]


def identities(server: ViewServer, run: str, query: str = "") -> dict[str, list[float]]:
    found = ask(server, f"/api/runs/{run}/identities{query}")
    assert found.status == 200, found.body
    (length,) = struct.unpack_from("<I", found.body)
    header = json.loads(found.body[4 : 4 + length])
    assert [column["name"] for column in header["columns"]] == NAMES
    read = {}
    for column in header["columns"]:
        start = 4 + length + column["offset"]
        values = array("d")
        values.frombytes(found.body[start : start + column["length"]])
        assert len(values) == header["rows"]
        read[column["name"]] = list(values)
    return read


def test_a_branch_has_the_identities_of_its_parent_up_to_what_was_changed(
    viewed: ViewServer,
) -> None:
    """`other` is `news` with another result of a tool, at `Writer/w1@2`."""
    parent, branch = identities(viewed, "news"), identities(viewed, "other")
    row = _row_of(viewed, "news", "Writer/w1", 2)
    assert row == _row_of(viewed, "other", "Writer/w1", 2)

    assert parent["identity"][: row + 1] == branch["identity"][: row + 1]
    assert parent["content"][:row] == branch["content"][:row]
    assert parent["content"][row] != branch["content"][row]


def test_every_event_of_an_agent_has_an_identity_of_its_own(viewed: ViewServer) -> None:
    """A page pairs the events of an agent by them."""
    found = identities(viewed, "news")["identity"]
    agents = [event["agent"] for event in columns(viewed, "news", "events").rows()]

    assert 0 not in found
    assert len({*zip(agents, found, strict=True)}) == len(found)


def test_identities_come_in_pieces(viewed: ViewServer) -> None:
    """A run of a million events is not sent at once."""
    whole = identities(viewed, "news")

    assert identities(viewed, "news", "?since=2&limit=3")["identity"] == whole["identity"][2:5]
    assert identities(viewed, "news", "?since=100000")["identity"] == []


def test_a_run_that_is_not_there_has_none(viewed: ViewServer) -> None:
    """The error says so, as everywhere."""
    assert ask(viewed, "/api/runs/nothing/identities").error["type"] == "UnknownRunError"


def _row_of(server: ViewServer, run: str, address: str, step: int) -> int:
    agents = ask(server, f"/api/runs/{run}").json["agents"]
    number = next(agent["index"] for agent in agents if agent["address"] == address)
    return next(
        row
        for row, event in enumerate(columns(server, run, "events").rows())
        if (event["agent"], event["step"]) == (number, step)
    )
