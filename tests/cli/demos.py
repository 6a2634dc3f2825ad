"""What must be true of what a demo says."""

from tests.cli.helpers import Done

UNLUCKY = "8"
"""A seed with which hardly a first run goes well, so that the demo looks for no other."""


def check_demo(done: Done, runs: int) -> None:
    """Check what a demo said as JSON."""
    assert done.code == 0, done.err
    told = done.json
    outcomes = [each["outcome"] for each in told["runs"]]

    assert told["simulated"] is True
    assert len(outcomes) >= runs
    assert {*outcomes} <= {"fine", "wrong"}
    assert [bool(each["problems"]) for each in told["runs"]] == [one == "wrong" for one in outcomes]
    if "wrong" in outcomes:
        chosen = next(each for each in told["runs"] if each["run"] == told["chosen"])
        assert chosen["outcome"] == "wrong"
    if told["what_if"] is not None:  # of a run that was oversold by the order of one pair
        tried = told["what_if"]
        assert all("Stock/main@" in each for each in tried["pair"])
        assert (tried["before"], tried["after"], tried["samples"]) == (29, 0, 29)
        assert tried["proved"] >= 0.9
        assert tried["saved"] > 0
    assert told["replay"]["identical"] is True
    assert told["replay"]["turns"] > 10
    assert told["messages"]
    assert any(told["chosen"] in words for words in told["next"])
