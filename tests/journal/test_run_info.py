"""run.json: readable by people, complete, and never half written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.errors import JournalDamagedError, JournalVersionError
from agentmesh.journal.run_info import (
    CodeVersion,
    EntryPoint,
    Redaction,
    RunInfo,
    dump_info,
    load_info,
)

FULL = RunInfo(
    id="r1",
    workflow="main",
    entry=EntryPoint("app", "/src/app.py", "main", ("/src",)),
    input={"text": "hi \ud800"},
    status="done",
    result=[1, None],
    created_at_ns=1_700_000_000_000_000_001,
    hash_seed="7",
    code=CodeVersion("abc", dirty=True, diff="def"),
    packages={"ray": "2.60.0"},
    settings={"model": "m"},
    redaction=Redaction((r"\d+",), ("cookie",), "0123"),
)


def test_everything_comes_back() -> None:
    """A run is opened a year later."""
    assert load_info(dump_info(FULL), "run.json") == FULL


@given(st.builds(RunInfo, id=st.text(), input=st.none() | st.text(), seed=st.text()))
def test_any_text_comes_back(info: RunInfo) -> None:
    """Inputs are whatever people write."""
    assert load_info(dump_info(info), "run.json") == info


def test_it_is_json_for_people() -> None:
    """jq .status run.json"""
    text = dump_info(FULL).decode()

    assert json.loads(text)["status"] == "done"
    assert '\n  "workflow": "main",\n' in text


def test_fields_of_a_newer_reader_survive() -> None:
    """A newer agentmesh added a field; an older one marks the run as lost."""
    newer = json.dumps({**json.loads(dump_info(FULL)), "labels": ["nightly"]}).encode()
    info = load_info(newer, "run.json")

    assert info == FULL
    assert json.loads(dump_info(info, newer))["labels"] == ["nightly"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"id": "r1"}', '{"id": 5, "journal_version": 1}', "[" * 100_000],
)
def test_a_broken_file_is_named(text: str) -> None:
    """It was edited by hand."""
    with pytest.raises(JournalDamagedError, match=r"runs/r1/run\.json can't be read"):
        load_info(text.encode(), "runs/r1/run.json")


def test_another_version_is_named_with_what_to_install() -> None:
    """A newer agentmesh recorded the run, in a format that does not exist yet."""
    data = b'{"journal_version": 99, "agentmesh": "9.1", "status": {"new": "shape"}}'

    with pytest.raises(JournalVersionError, match=r"version 99; .*Install agentmesh==9\.1"):
        load_info(data, "run.json")
